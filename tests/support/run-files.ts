import { EVENT_FILE } from '../../lib/runs/run-files'

/** What a run that is complete leaves in its folder, sorted. Written out, as users see it. */
export const RUN_FILES = [
  ...['README.md', 'checkpoints', 'config.json', expect.stringMatching(EVENT_FILE)],
  ...['metrics.csv', 'metrics.jsonl', 'model.safetensors', 'report.html', 'timing.jsonl'],
]
