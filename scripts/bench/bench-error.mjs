/** The reason why a benchmark cannot run or its figures mean nothing, as a message for the user. */
export class BenchError extends Error {}
