import { render } from 'preact'
import { App } from './app'
import { connect } from './connection'

connect()
render(<App />, document.getElementById('page') as HTMLElement)
