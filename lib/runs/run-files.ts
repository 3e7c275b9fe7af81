/** The names of the files in the folder of a run. */

/** The options as resolved, the versions, the device, and what Python needs to build the same network. */
export const CONFIG_FILE = 'config.json'
/** The weights. */
export const MODEL_FILE = 'model.safetensors'
/** Says to people what the model is, and to the Hugging Face Hub. */
export const CARD_FILE = 'README.md'

/** Everything that can be shown of the run, on a page. */
export const REPORT_FILE = 'report.html'

/** The files with a line for each epoch: values that a seed reproduces, as JSON and as a table, and values that differ each time. */
export const LOG_FILES = { metrics: 'metrics.jsonl', table: 'metrics.csv', timing: 'timing.jsonl' } as const

/** The name of TensorBoard's event files: when it was begun, in seconds since 1970, then what keeps names apart. */
export const EVENT_FILE = /^events\.out\.tfevents\.(\d{10})\./
