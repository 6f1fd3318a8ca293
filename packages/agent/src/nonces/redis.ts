import { hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { inTime } from './in-time.ts'
import { type NonceStore, type Spent, window } from './nonce-store.ts'
import { sequenceWindow } from './sequences.ts'

/** What is asked of a client: node-redis has it. */
export interface RedisClient {
  sendCommand(args: string[]): Promise<unknown>
  /** Those that it was made with. */
  readonly options?: { readonly disableOfflineQueue?: boolean } | undefined
}

export interface RedisNonceOptions {
  /** Nonces at once. */
  readonly most?: number
  /** Of one sender, so that one who floods takes nobody else's room. */
  readonly mostOfOne?: number
  /** What its keys begin with; receivers of one audience share it. */
  readonly prefix?: string
}

/**
 * Nonces in one Redis that several receivers share, one script a message.
 *
 * Nothing is left to Redis' own expiry, and so to its clock: a set for each second, removed when the time of the
 * receivers, which never goes back, has passed it. Redis can lose what it acknowledged, so each answer says since when
 * it knows: a server that started anew, another server, or no mark at all begins a new epoch.
 */
export class RedisNonceStore implements NonceStore {
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #most: number
  readonly #mostOfOne: number
  readonly #digest: string

  private constructor(client: RedisClient, digest: string, options: RedisNonceOptions) {
    const { most = 1_000_000, mostOfOne = Math.ceil(most / 10), prefix = 'mintmark:nonces' } = options
    this.#client = client
    this.#digest = digest
    this.#most = most
    this.#mostOfOne = mostOfOne
    // In braces, so that a cluster has all of it in one place.
    this.#prefix = `{${prefix}}`
  }

  /** @throws Refused `unavailable` where the client or the server could let a message be accepted twice */
  static async open(client: RedisClient, options: RedisNonceOptions = {}): Promise<RedisNonceStore> {
    // What waits in a queue is spent when nobody is left to receive it.
    if (client.options?.disableOfflineQueue !== true) {
      throw new Refused('unavailable', 'the Redis client queues what it cannot send', {
        hint: 'make it with createClient({ disableOfflineQueue: true })',
      })
    }
    const memory = String(await inTime(client.sendCommand(['INFO', 'memory'])))
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1]
    if (policy !== 'noeviction') {
      throw new Refused('unavailable', `Redis may evict nonces: maxmemory-policy is ${policy}`, {
        hint: 'set maxmemory-policy to noeviction',
      })
    }
    const digest = await inTime(client.sendCommand(['SCRIPT', 'LOAD', script]))
    return new RedisNonceStore(client, String(digest), options)
  }

  spend(key: string, nonce: Uint8Array, expires: number, now: number): Promise<Spent> {
    return this.#ask(['spend', key, hex(nonce), expires, now, this.#most, this.#mostOfOne, window.skew])
  }

  async advance(key: string, sequence: number, now: number): Promise<Spent> {
    const isNumber = Number.isSafeInteger(sequence) && sequence >= 0
    if (!isNumber) return { isFirst: false, knowsSince: Number.NEGATIVE_INFINITY }
    return this.#ask(['advance', key, sequence, 0, now, sequenceWindow, 0, window.skew])
  }

  async #ask(args: readonly (string | number)[]): Promise<Spent> {
    const [said, since] = readAnswer(await inTime(this.#run(['1', this.#prefix, ...args.map(String)])))
    if (said === 'expired') throw new Refused('message-expired', 'the nonce may be forgotten already')
    if (said === 'full') throw new Refused('nonces-full', 'of all')
    if (said === 'full-of-one') throw new Refused('nonces-full', 'of this sender')
    if (said === 'evicts') throw new Refused('unavailable', 'Redis may evict nonces: maxmemory-policy was changed')
    return { isFirst: said === 'first', knowsSince: since }
  }

  async #run(args: readonly string[]): Promise<unknown> {
    try {
      return await this.#client.sendCommand(['EVALSHA', this.#digest, ...args])
    } catch (error) {
      const message = error instanceof Error ? error.message : ''
      // It has done nothing: a server that started anew does not know the script.
      if (message.startsWith('NOSCRIPT')) return this.#client.sendCommand(['EVAL', script, ...args])
      if (message.startsWith('OOM')) throw new Refused('nonces-full', 'the memory of Redis', { cause: error })
      throw error
    }
  }
}

const words = ['first', 'spent', 'expired', 'full', 'full-of-one', 'evicts'] as const

function readAnswer(answer: unknown): readonly [(typeof words)[number], number] {
  const [said, since] = Array.isArray(answer) ? answer.map(String) : []
  const word = words.find(one => one === said)
  if (word === undefined || !/^\d+$/.test(since ?? '')) throw new Refused('unavailable', 'Redis answered nonsense')
  return [word, Number(since)]
}

// <p>          hash: server that wrote last, since when all is known, highest time, how many there are
// <p>:ends     sorted set of the seconds in which nonces end
// <p>:at:<s>   set of key and nonce that end in second s;  <p>:of:<s>  how many of each sender are in it
// <p>:each     hash: how many there are of each sender
// <p>:seq:<k>  sorted set: the numbers of a sender that counts, up to 64 behind the highest
//
// What is removed is removed first: a full Redis refuses a script at the first write that needs room.
const script = `
local p = KEYS[1]
local act, key, what = ARGV[1], ARGV[2], ARGV[3]
local expires, now, most, mostOfOne, skew = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local text = function(number) return string.format('%.0f', number) end
local mark = redis.call('HMGET', p, 'run', 'since', 'time', 'count')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local since, time, count = tonumber(mark[2]), tonumber(mark[3]) or 0, tonumber(mark[4]) or 0

if math.floor(now / 1000) > math.floor(time / 1000) then
  local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:(%S+)')
  if policy ~= 'noeviction' then
    redis.call('HDEL', p, 'run')
    return { 'evicts', '0' }
  end
  for _, second in ipairs(redis.call('ZRANGEBYSCORE', p .. ':ends', '-inf', text(math.floor(now / 1000)))) do
    local each = redis.call('HGETALL', p .. ':of:' .. second)
    redis.call('UNLINK', p .. ':at:' .. second, p .. ':of:' .. second)
    redis.call('ZREM', p .. ':ends', second)
    for i = 1, #each, 2 do
      count = count - each[i + 1]
      if redis.call('HINCRBY', p .. ':each', each[i], -each[i + 1]) <= 0 then redis.call('HDEL', p .. ':each', each[i]) end
    end
  end
end
if now > time then time = now end
if mark[1] ~= run or not since then since = time + skew end
redis.call('HSET', p, 'run', run, 'since', text(since), 'time', text(time), 'count', text(count))

if act == 'advance' then
  local numbers, number = p .. ':seq:' .. key, tonumber(what)
  local highest = redis.call('ZREVRANGE', numbers, 0, 0)[1]
  if highest and number <= tonumber(highest) - most then return { 'spent', text(since) } end
  if redis.call('ZADD', numbers, what, what) == 0 then return { 'spent', text(since) } end
  redis.call('ZREMRANGEBYSCORE', numbers, '-inf', text(math.max(number, tonumber(highest) or 0) - most))
  return { 'first', text(since) }
end

if not (expires > time) then return { 'expired', text(since) } end
local second = text(math.ceil(expires / 1000))
local member = key .. what
if redis.call('SISMEMBER', p .. ':at:' .. second, member) == 1 then return { 'spent', text(since) } end
if not (count < most) then return { 'full', text(since) } end
if not ((tonumber(redis.call('HGET', p .. ':each', key)) or 0) < mostOfOne) then return { 'full-of-one', text(since) } end
redis.call('SADD', p .. ':at:' .. second, member)
redis.call('ZADD', p .. ':ends', second, second)
redis.call('HINCRBY', p .. ':of:' .. second, key, 1)
redis.call('HINCRBY', p .. ':each', key, 1)
redis.call('HINCRBY', p, 'count', 1)
return { 'first', text(since) }
`
