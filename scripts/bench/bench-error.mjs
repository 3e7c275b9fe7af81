/** Why a benchmark cannot run or its figures mean nothing, in words for whoever started it. */
export class BenchError extends Error {}
