import type { SignatureProvider } from '../../crypto/index.ts'

/** The same provider, counting what it verifies. */
export function signatureProviderCounting(
  provider: SignatureProvider,
): SignatureProvider & { readonly verifications: number } {
  let verifications = 0
  return {
    implementation: provider.implementation,
    generate: (suite) => provider.generate(suite),
    importPrivate: (pkcs8) => provider.importPrivate(pkcs8),
    importPublic: (spki) => provider.importPublic(spki),
    verify(key, message, signature) {
      verifications += 1
      return provider.verify(key, message, signature)
    },
    get verifications() {
      return verifications
    },
  }
}
