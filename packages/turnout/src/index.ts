// The front door: everything that a user of turnout may call.

export { type Alarm, type Clock, createVirtualClock, systemClock, type VirtualClock } from './base/clock.ts'
export { type ErrorCode, type ErrorDetail, MisuseError, PeerError, TurnoutError } from './base/errors.ts'
export type { HistogramCounts } from './base/histogram.ts'
export type { GivenFields, GivenValue } from './http/fields.ts'
export { endToEndFields } from './http/hop.ts'
export type { Fields, Protocol } from './http/message.ts'
export { createTurnout, type Turnout } from './turnout.ts'
export type {
  AsyncUpgradeInAppOptions,
  ErrorContext,
  ProtocolInAppOptions,
  TurnoutCloseOptions,
  TurnoutOptions,
  UpgradeInAppOptions,
} from './turnout-options.ts'
export type { AdmissionOptions } from './upgrade/admission.ts'
export { AnsweredError } from './upgrade/answered.ts'
export { type RequestChoices, type UpgradeOptions, type UpgradeResult, upgrade } from './upgrade/client.ts'
export type { AttachOptions } from './upgrade/dispatcher.ts'
export type { Foreign } from './upgrade/foreign.ts'
export type {
  ProtocolAccepted,
  ProtocolContext,
  ProtocolOptions,
  ProtocolResult,
  ProtocolToken,
} from './upgrade/generic.ts'
export type { Http2Choice } from './upgrade/h2-session.ts'
export { connectH2c, type H2cConnectOptions, type H2cResult } from './upgrade/h2c-client.ts'
export type { H2cOptions } from './upgrade/h2c-server.ts'
export type { AttachableServer } from './upgrade/http-server.ts'
export type { Metrics, RouteMetrics } from './upgrade/metrics.ts'
export type { CloseCounts } from './upgrade/occupants.ts'
export type { Params } from './upgrade/protocol.ts'
export type { ProxyChoice, ProxyOptions } from './upgrade/proxy.ts'
export type { RequestBody } from './upgrade/request-body.ts'
export type {
  HandshakeMessage,
  HandshakeOutcome,
  ProtocolCloseMessage,
  ProtocolErrorMessage,
  ProtocolOpenMessage,
} from './upgrade/sight.ts'
export {
  type TlsDeclined,
  type TlsMode,
  type TlsSecured,
  type TlsUpgradeOptions,
  type TlsUpgradeResult,
  upgradeTls,
} from './upgrade/tls-client.ts'
export type { TlsInPlaceOptions } from './upgrade/tls-server.ts'
export { ProxyError } from './upgrade/tunnel.ts'
export type { BackoffOptions } from './websocket/backoff.ts'
export type { Broadcastable } from './websocket/broadcast.ts'
export { type ConnectOptions, connect, type SwitchResponse } from './websocket/client.ts'
export type { AnyConnection, CloseInfo, ReadyState, WebSocketConnection } from './websocket/connection.ts'
export { CloseEvent, type CloseEventInit, FailureEvent } from './websocket/events.ts'
export type { ExtensionOffer } from './websocket/extension.ts'
export type { Role } from './websocket/frame.ts'
export { HandshakeError } from './websocket/handshake-error.ts'
export type { HeartbeatOptions } from './websocket/heartbeat.ts'
export type {
  AcceptContext,
  Accepted,
  AcceptResult,
  BinaryForm,
  Callbacks,
  ChosenProtocol,
  CompressionOptions,
  ConnectionEvents,
  ConnectionOptions,
  Message,
  MessageParts,
  PathParams,
  Sendable,
  SwitchOptions,
  WebSocketOptions,
} from './websocket/options.ts'
export type { RateOptions } from './websocket/rate.ts'
export { ReconnectingConnection, type ReconnectingState, reconnecting } from './websocket/reconnecting.ts'
export type {
  Attempt,
  ConnectionEnd,
  PeerEvents,
  ReconnectingOptions,
  Renewed,
} from './websocket/reconnecting-options.ts'
export {
  CLOSE_CODES,
  EXTENSION_NAMES,
  type ExtensionName,
  REGISTRY_DATES,
  SUBPROTOCOLS,
  type Subprotocol,
  UPGRADE_TOKENS,
  type UpgradeToken,
} from './websocket/registry.ts'
export type { SlowConsumer } from './websocket/sender.ts'
export type {
  WebSocketCloseMessage,
  WebSocketErrorMessage,
  WebSocketMessageMessage,
  WebSocketOpenMessage,
} from './websocket/sight.ts'
export type { MessageStream } from './websocket/stream.ts'
export type { Agreed, Extension, MessageTransform } from './websocket/transform.ts'
export { createWebSocketStream, type WebSocketDuplexOptions } from './websocket/websocket-duplex.ts'
export { type WebSocketCloseInfo, WebSocketError } from './websocket/websocket-error.ts'
export {
  type WebSocketOpenInfo,
  WebSocketStream,
  type WebSocketStreamOptions,
} from './websocket/websocket-stream.ts'
export { WebSocket, type WebSocketEventMap, type WebSocketInit } from './websocket/whatwg.ts'
