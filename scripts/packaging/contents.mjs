/** Which files each package may and must hold, and how large it may be. */

/** npm's registry takes packages of some 200 MB. */
export const MAX_PACKED_BYTES = 190e6

/** The files that every package has. */
const COMMON = ['package.json', 'README.md', 'LICENSE', 'SHA256SUMS']

/**
 * @typedef {object} ContentRule
 * @property {RegExp} allowed - Matches every file except the common ones.
 * @property {string[]} required - In addition to the common ones.
 */

/** What users look up. The pages about speed and accuracy are for those who have the repository. */
export const MAIN_DOCUMENTS = ['data', 'errors', 'learning-rate', 'live-page', 'pictures', 'predict', 'runs', 'search'].map(
  (name) => `docs/${name}.md`,
)

/** @type {Record<'main' | 'command' | 'addon' | 'libtorch', ContentRule>} */
export const CONTENT_RULES = {
  main: {
    allowed:
      /^(dist\/([a-z-]+\/)*[a-z-]+\.(m?js|m?js\.map|d\.m?ts)|dist\/server\/page\/(index\.html|page\.(js|css)|icon\.svg)|native\/([a-z]+\/)*([a-z0-9_]+\.(cc|h)|CMakeLists\.txt)|cmake\/[a-z]+\.cmake|CMakeLists\.txt|docs\/(data|errors|learning-rate|live-page|pictures|predict|runs|search)\.md|docs\/pictures\/[a-z]+\.svg|models\/mnist\/(README\.md|config\.json|metrics\.csv|model\.safetensors)|CHANGELOG\.md|binding\.gyp\.md|THIRD-PARTY-LICENSES)$/,
    required: [
      ...['dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts', 'dist/cli/main.js', 'dist/charts/plot-bundle.js'],
      ...['index.html', 'page.js', 'page.css', 'icon.svg'].map((name) => `dist/server/page/${name}`),
      ...['native/CMakeLists.txt', 'native/fused/CMakeLists.txt', 'native/napi/addon.cc', 'native/loader/loader.cc'],
      ...[
        'cmake/libtorch.cmake',
        'CMakeLists.txt',
        ...MAIN_DOCUMENTS,
        'models/mnist/README.md',
        'models/mnist/model.safetensors',
        'CHANGELOG.md',
        'binding.gyp.md',
        'THIRD-PARTY-LICENSES',
      ],
    ],
  },
  command: { allowed: /^cli\.js$/, required: ['cli.js'] },
  addon: {
    allowed: /^([a-z_]+\.node|THIRD-PARTY-LICENSES)$/,
    required: ['torch_rnn_mnist.node', 'loader.node', 'THIRD-PARTY-LICENSES'],
  },
  libtorch: {
    allowed: /^(lib\/(lib[a-z_0-9]+\.(so(\.\d+)?|dylib)|[a-z_0-9]+\.dll)|build-version|licenses\/[\w.+/-]+)$/,
    required: ['build-version'],
  },
}

/**
 * @param {ContentRule} rule
 * @param {string[]} files - With slashes, relative to the package.
 * @param {number} packedBytes
 * @returns {string[]} What is wrong; empty when all is well.
 */
export function contentProblems(rule, files, packedBytes) {
  const present = new Set(files)
  return [
    ...files.filter((file) => !COMMON.includes(file) && !rule.allowed.test(file)).map((file) => `holds ${file}, which should not be there`),
    ...[...COMMON, ...rule.required].filter((file) => !present.has(file)).map((file) => `lacks ${file}`),
    ...(packedBytes > MAX_PACKED_BYTES ? [`has ${packedBytes} bytes packed, more than ${MAX_PACKED_BYTES}`] : []),
  ]
}
