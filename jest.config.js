/** Jest runs what `tsc` has built, as ECMAScript modules, without a transformer. */
export default {
  rootDir: 'dist/test',
  testMatch: ['**/*.test.js'],
  transform: {},
  testTimeout: 20_000,
}
