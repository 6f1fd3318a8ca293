// For a gateway: readings of devices that cannot sign, sent on their behalf.

export { type BoundDevice, type GatewayOptions, GatewayTransport } from './gateway-transport.ts'
export { type DeviceProof, type ReadingDoor, readingHandler } from './http.ts'
export { listenForReadings, type ReadingTopics } from './mqtt.ts'
export { MemoryReadingQueue, type QueueBounds, type ReadingQueue } from './queue.ts'
export { type Reading, readingType, readReading } from './reading.ts'
