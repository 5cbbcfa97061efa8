/** Counters of a network card. Every frame that goes up or out, or is dropped, is counted once. */

/** All counters, at 0. */
export function nicCounters() {
  return {
    receivedPackets: 0,
    receivedBytes: 0,
    sentPackets: 0,
    sentBytes: 0,
    /** Shorter than an Ethernet header, or a piece of it without bytes. */
    dropReceivedShort: 0,
    /** The device says that the frame is damaged. */
    dropReceivedDamaged: 0,
    /** Checksum or segmentation fields that point outside of the frame or make no sense. */
    dropReceivedOffload: 0,
    /** To be sent, but the device is failed or stopped. */
    dropSendDown: 0,
    /** To be sent, but shorter than an Ethernet header, too long, or without headroom. */
    dropSendLength: 0,
    /** To be sent with an offload that was not agreed or with fields that make no sense. */
    dropSendOffload: 0,
    /** allocate() found no free packet. */
    dropSendNoBuffer: 0,
    interrupts: 0,
    linkChanges: 0,
    /** Devices reset because they asked for it, and given up because they broke the rules. */
    resets: 0,
    failures: 0,
    /** Notifications repeated because nothing moved; used buffers found before an interrupt told. */
    watchdogKicks: 0,
    watchdogFound: 0,
    controlRefused: 0,
    controlTimeouts: 0,
  };
}

/** Counters of a network card. */
export type NicCounters = ReturnType<typeof nicCounters>;
