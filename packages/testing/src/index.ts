export { clientHello, type Hello, protocolNames, serverName } from './client-hello.ts'
export { type Mosquitto, startMosquitto } from './mosquitto.ts'
export { type NatsServer, startNats } from './nats.ts'
export {
  type Fact,
  type Reply,
  type Send,
  type Snapshot,
  startTestPlatform,
  TestClock,
  type TestDevice,
  type TestKey,
  type TestPlatform,
  type TlsClient,
} from './platform.ts'
export { type PostgresServer, startPostgres } from './postgres.ts'
export { PrivateCa, type ServerFiles } from './private-ca.ts'
export { openTcp, openTls, RawConnection, type RawResponse } from './raw-connection.ts'
export { type RedisServer, startRedis } from './redis.ts'
