/** For `import`: the very objects that `require` gives, so that there is never a second copy of the state. */
export * from './index.js'
