/** Features of virtio network devices (virtio 1.2, section 5.1.3), and which of them the driver wants. */
import { feature } from '@runtimejs/virtio/constants.ts';
import type { FeatureWishes } from '@runtimejs/virtio/features.ts';

export const networkFeature = {
  checksum: 0,
  guestChecksum: 1,
  mtu: 3,
  mac: 5,
  guestTso4: 7,
  guestTso6: 8,
  hostTso4: 11,
  hostTso6: 12,
  mergeableBuffers: 15,
  status: 16,
  controlQueue: 17,
  controlReceive: 18,
} as const;

/** Without these the driver does not start. */
export const neededFeatures = { VIRTIO_F_VERSION_1: feature.version1 } as const;

/** Taken when the device has them. */
export const usableFeatures = {
  VIRTIO_NET_F_CSUM: networkFeature.checksum,
  VIRTIO_NET_F_GUEST_CSUM: networkFeature.guestChecksum,
  VIRTIO_NET_F_MTU: networkFeature.mtu,
  VIRTIO_NET_F_MAC: networkFeature.mac,
  VIRTIO_NET_F_GUEST_TSO4: networkFeature.guestTso4,
  VIRTIO_NET_F_GUEST_TSO6: networkFeature.guestTso6,
  VIRTIO_NET_F_HOST_TSO4: networkFeature.hostTso4,
  VIRTIO_NET_F_HOST_TSO6: networkFeature.hostTso6,
  VIRTIO_NET_F_MRG_RXBUF: networkFeature.mergeableBuffers,
  VIRTIO_NET_F_STATUS: networkFeature.status,
  VIRTIO_NET_F_CTRL_VQ: networkFeature.controlQueue,
  VIRTIO_NET_F_CTRL_RX: networkFeature.controlReceive,
  VIRTIO_F_INDIRECT_DESC: feature.indirectDescriptors,
  VIRTIO_F_EVENT_IDX: feature.eventIndex,
  VIRTIO_F_ACCESS_PLATFORM: feature.accessPlatform,
  VIRTIO_F_ORDER_PLATFORM: feature.orderPlatform,
} as const;

/** What the driver asks of a device. */
export const wishes: FeatureWishes = {
  needed: neededFeatures,
  usable: usableFeatures,
  requirements: [
    [networkFeature.guestTso4, networkFeature.guestChecksum],
    [networkFeature.guestTso6, networkFeature.guestChecksum],
    [networkFeature.hostTso4, networkFeature.checksum],
    [networkFeature.hostTso6, networkFeature.checksum],
    [networkFeature.controlReceive, networkFeature.controlQueue],
    // Ours: without mergeable buffers each one would have to hold 64 KiB (5.1.6.3.1).
    [networkFeature.guestTso4, networkFeature.mergeableBuffers],
    [networkFeature.guestTso6, networkFeature.mergeableBuffers],
  ],
};

/** Offsets in the device configuration (5.1.4). */
export const networkConfiguration = { mac: 0, status: 6, mtu: 10 } as const;

/** Bits of its status field. */
export const networkStatus = { linkUp: 1 } as const;

/** Numbers of the queues when VIRTIO_NET_F_MQ is not agreed (5.1.2). */
export const queueNumber = { receive: 0, transmit: 1, control: 2 } as const;
