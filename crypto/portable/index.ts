/**
 * The interfaces of `crypto/` in plain JavaScript. Not re-exported by `crypto/index.ts`: an idle agent on native code
 * does not pay for loading it.
 */
export { createPortableKemProvider } from './kem.ts'
export { createPortableProvider } from './signatures.ts'
