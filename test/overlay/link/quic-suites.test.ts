import { exchangeSuite } from './exchange-suite.ts'
import { QUIC_KIT } from './kits.ts'
import { linkSuite } from './link-suite.ts'

await linkSuite(QUIC_KIT)
await exchangeSuite(QUIC_KIT)
