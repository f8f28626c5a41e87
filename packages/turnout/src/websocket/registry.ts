// Knows the names and numbers that IANA registered for Upgrade and WebSocket (RFC 9110 section 16.7, RFC 6455
// section 11). Never restricts anybody to them: every type here lets other names pass.
// Written by scripts/registry.mjs from the registries of the dates below: change that, not this.

/** When IANA last changed the registries that these names come from. */
export const REGISTRY_DATES = { upgradeTokens: '2023-10-20', websocket: '2026-06-10' } as const

/**
 * HTTP Upgrade tokens. `WebSocket` (RFC 6455) and `websocket` (RFC 8441) are one name, since case does not count;
 * `h2c` is obsolete and still spoken.
 */
export const UPGRADE_TOKENS = [
  'HTTP',
  'TLS',
  'WebSocket',
  'websocket',
  'h2c',
  'connect-udp',
  'connect-ip',
] as const

/** WebSocket extensions. */
export const EXTENSION_NAMES = ['permessage-deflate', 'bbf-usp-protocol'] as const

/** WebSocket close codes, those that never travel among them (1004, 1005, 1006 and 1015). */
export const CLOSE_CODES = {
  normalClosure: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  /** Reserved, without a meaning. */
  reserved: 1004,
  /** Never on the wire: the Close frame bore no code. */
  noStatusReceived: 1005,
  /** Never on the wire: no Close frame came. */
  abnormalClosure: 1006,
  invalidPayloadData: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  mandatoryExtension: 1010,
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  badGateway: 1014,
  /** Never on the wire: TLS did not come about. */
  tlsHandshake: 1015,
  unauthorized: 3000,
  forbidden: 3003,
  timeout: 3008,
} as const

/** WebSocket subprotocols, some of them for WebRTC data channels only. */
export const SUBPROTOCOLS = [
  'MBWS.huawei.com',
  'MBLWS.huawei.com',
  'soap',
  'wamp',
  'v10.stomp',
  'v11.stomp',
  'v12.stomp',
  'ocpp1.2',
  'ocpp1.5',
  'ocpp1.6',
  'ocpp2.0',
  'ocpp2.0.1',
  'ocpp2.1',
  'rfb',
  'sip',
  'notificationchannel-netapi-rest.openmobilealliance.org',
  'wpcp',
  'amqp',
  'mqtt',
  'jsflow',
  'rwpcp',
  'xmpp',
  'ship',
  'mielecloudconnect',
  'v10.pcp.sap.com',
  'msrp',
  'v1.saltyrtc.org',
  'TLCP-2.0.0.lightstreamer.com',
  'bfcp',
  'sldp.softvelum.com',
  'opcua+uacp',
  'opcua+uajson',
  'v1.swindon-lattice+json',
  'v1.usp',
  'mles-websocket',
  'coap',
  'TLCP-2.1.0.lightstreamer.com',
  'sqlnet.oracle.com',
  'oneM2M.R2.0.json',
  'oneM2M.R2.0.xml',
  'oneM2M.R2.0.cbor',
  'transit',
  '2016.serverpush.dash.mpeg.org',
  '2018.mmt.mpeg.org',
  'clue',
  'webrtc.softvelum.com',
  'cobra.v2.json',
  'drp',
  'hub.bsc.bacnet.org',
  'dc.bsc.bacnet.org',
  'jmap',
  't140',
  'done',
  'TLCP-2.2.0.lightstreamer.com',
  'collection-update',
  'TLCP-2.3.0.lightstreamer.com',
  'text.ircv3.net',
  'binary.ircv3.net',
  'v3.penguin-stats.live+proto',
  'TLCP-2.4.0.lightstreamer.com',
  'TLCP-2.5.0.lightstreamer.com',
  'Redfish',
  'bidib',
  'json.webpubsub.azure.v1',
  'protobuf.webpubsub.azure.v1',
  'json.reliable.webpubsub.azure.v1',
  'protobuf.reliable.webpubsub.azure.v1',
  'WebREPL.binary.v1',
  'camp',
] as const

/** A registered token, or any other. */
export type UpgradeToken = (typeof UPGRADE_TOKENS)[number] | Unregistered

/** A registered extension, or any other. */
export type ExtensionName = (typeof EXTENSION_NAMES)[number] | Unregistered

/** A registered subprotocol, or any other. */
export type Subprotocol = (typeof SUBPROTOCOLS)[number] | Unregistered

// Not plain string, which would swallow the names that an editor can suggest.
type Unregistered = string & Record<never, never>
