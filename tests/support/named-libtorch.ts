/** A libtorch for LIBTORCH in the folder of a test: real, except for libraries made of C that run code when they are opened. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REQUIRED_TORCH_VERSION } from '../../lib/addon/find-libtorch'
import { LIBRARIES } from './libtorch'

/** Ends the process by a signal. */
export const dieBy = (signal: string) => `raise(${signal});`

/** In a trial: tells its process id in the file $STARTED, and waits until the file $GATE is there, but not for ever: a test may fail. */
export const WAIT_IN_TRIAL = `
  if (getenv("TORCH_RNN_MNIST_TRIAL")) {
    FILE* started = fopen(getenv("STARTED"), "a");
    fprintf(started, "%d\\n", getpid());
    fclose(started);
    for (int ms = 0; ms < 100000 && access(getenv("GATE"), F_OK) != 0; ms += 1) usleep(1000);
  }`

/** Makes a library that runs statements of C when it is opened. */
export function compileLibrary(file: string, statements: string): void {
  const headers = ['signal', 'stdio', 'stdlib', 'unistd'].map((name) => `#include <${name}.h>\n`).join('')
  const source = `${headers}__attribute__((constructor)) static void run(void) { ${statements} }\n`
  execFileSync('cc', ['-shared', '-fPIC', '-D_GNU_SOURCE', '-x', 'c', '-', '-o', file], { input: source })
}

/** @param code - The statements that a library runs, by its file name. */
export function makeNamedLibtorch(folder: string, code: Readonly<Record<string, string>> = {}): void {
  mkdirSync(join(folder, 'lib'), { recursive: true })
  writeFileSync(join(folder, 'build-version'), REQUIRED_TORCH_VERSION)
  for (const name of readdirSync(LIBRARIES).filter((file) => !(file in code))) symlinkSync(join(LIBRARIES, name), join(folder, 'lib', name))
  for (const [name, statements] of Object.entries(code)) compileLibrary(join(folder, 'lib', name), statements)
}
