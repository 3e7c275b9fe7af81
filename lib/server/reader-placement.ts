/**
 * Where the networks of the page compute, besides the one that trains: a single image gains nothing from a second thread or a GPU, and a
 * training keeps its cores and the GPU for itself.
 */
export const READER_PLACEMENT = { device: 'cpu', threads: 1 } as const
