/**
 * The trust stream: revocation lists, single directives and the pseudonym key between admitted peers, ahead of gossip.
 *
 * In: peers that connect and disconnect, streams that peers open, word that a list was applied, records to push. Out: lists
 * and keys through the trust port, records through the record port, each with a verdict. Lists are announced by number and
 * hash and fetched by whoever wants them; the hash is checked before the port sees a list, and the port alone decides.
 */
export {
  type PeerList,
  TRUST_PROTOCOL,
  type TrustCounters,
  TrustStream,
  type TrustStreamDependencies,
  type TrustStreamOptions,
} from './trust.ts'
