// Ways for messages between agents. Each is loaded only where it is imported.

export { type HttpOptions, HttpTransport } from './http.ts'
export { type Handler, messageHandler } from './http-handler.ts'
export { Loopback } from './loopback.ts'
export { type MqttClient, type MqttOptions, type MqttPacket, MqttTransport, topicOf } from './mqtt.ts'
export { longestMessage, type Recipient } from './recipient.ts'
export { type WebSocketOptions, WebSocketTransport } from './websocket.ts'
export { type LinkOptions, mostUnanswered, type Socket, WebSocketLink } from './websocket-link.ts'
