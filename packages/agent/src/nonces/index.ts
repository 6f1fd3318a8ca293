export { PostgresNonceStore, type SqlClient } from './postgres.ts'
export { type RedisClient, type RedisNonceOptions, RedisNonceStore } from './redis.ts'
