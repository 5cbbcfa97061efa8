/**
 * Tells routers which groups an interface listens to: the host's side of MLDv2 (RFC 3810, section 6)
 * and of IGMPv3 (RFC 3376, section 5), which differ in their messages only, with the fallback to the
 * versions before (sections 8 and 7).
 *
 * An interface is a member of a group for all sources, so a record is always "exclude nobody";
 * sockets filter sources themselves.
 */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import { type Instant, Timer } from '../storage/timers.ts';
import { type MembershipQuery, type MembershipRecord, recordType } from '../wire/mld.ts';

/** How messages are sent: by MLD or by IGMP. */
export interface ReportSender {
  readonly environment: Environment;
  /** The version that sends reports of records: 2 for MLD, 3 for IGMP. */
  readonly currentVersion: number;
  /** How many records fit into one message. */
  readonly recordLimit: number;
  /** Sends a report of the current version. */
  report(records: readonly MembershipRecord[]): void;
  /** Sends a report of an old version. */
  oldReport(version: number, group: IpAddress): void;
  /** Sends a Done (MLDv1) or Leave Group (IGMPv2); version 1 of IGMP has none. */
  oldLeave(version: number, group: IpAddress): void;
}

interface Membership {
  readonly group: IpAddress;
  /** Left memberships stay until their leaving was reported often enough. */
  joined: boolean;
  /** Change reports that are still to be sent. */
  changes: number;
  /** When a query's answer is due, and the sources asked about; empty: all. */
  answerAt: Instant;
  askedSources: readonly IpAddress[];
  /** With old versions: we reported last, so leaving must be told (RFC 2236, section 3). */
  reportedLast: boolean;
}

/** RFC 3810, section 9: robustness, unsolicited report interval, and the query interval in seconds. */
const defaultRobustness = 2;
const unsolicitedInterval = 1e6;
const defaultQueryInterval = 125;
/** Groups of one interface; more are received, but not reported. */
const membershipLimit = 1024;
const notDue: Instant = Number.POSITIVE_INFINITY;

/** The memberships of one interface and version of IP, and what is still to be said about them. */
export class MembershipReporter {
  readonly #sender: ReportSender;
  readonly #memberships: Membership[] = [];
  readonly #changeTimer: Timer;
  readonly #answerTimer: Timer;
  readonly #noise = new Uint8Array(4);
  #generalAnswerAt: Instant = notDue;
  #robustness = defaultRobustness;
  #queryInterval = defaultQueryInterval;
  #oldVersion = 0;
  #oldVersionUntil: Instant = Number.NEGATIVE_INFINITY;

  constructor(sender: ReportSender) {
    this.#sender = sender;
    this.#changeTimer = new Timer((now) => this.#sendChanges(now));
    this.#answerTimer = new Timer((now) => this.#sendAnswers(now));
  }

  /** The version spoken now: lower than the current one for a while after an old router's query. */
  get version(): number {
    const { now } = this.#sender.environment.clock;
    return now < this.#oldVersionUntil ? this.#oldVersion : this.#sender.currentVersion;
  }

  /** The interface became a member of a group. Reported in this turn, joined with other changes. */
  join(group: IpAddress): void {
    let membership = this.#find(group);
    if (membership === undefined) {
      if (this.#memberships.length >= membershipLimit) return;
      membership = {
        group,
        joined: true,
        changes: 0,
        answerAt: notDue,
        askedSources: [],
        reportedLast: false,
      };
      this.#memberships.push(membership);
    }
    membership.joined = true;
    this.#changed(membership);
  }

  /** It is no member any longer. */
  leave(group: IpAddress): void {
    const membership = this.#find(group);
    if (membership === undefined || !membership.joined) return;
    membership.joined = false;
    membership.answerAt = notDue;
    this.#changed(membership);
  }

  /** The link came up: everything is reported anew. */
  restart(): void {
    this.#oldVersionUntil = Number.NEGATIVE_INFINITY;
    for (const membership of this.#memberships) this.#changed(membership);
  }

  /** The link went down: nothing is sent until restart(). */
  stop(): void {
    const { timers } = this.#sender.environment;
    timers.remove(this.#changeTimer);
    timers.remove(this.#answerTimer);
    this.#generalAnswerAt = notDue;
    for (const membership of this.#memberships) {
      membership.answerAt = notDue;
      membership.changes = 0;
    }
    this.#forgetLeft();
  }

  /** A router asks (RFC 3810, section 6.2; RFC 3376, section 5.2). */
  queried(query: MembershipQuery): void {
    const { now } = this.#sender.environment.clock;
    if (query.version < this.#sender.currentVersion) {
      this.#oldQuery(query, now);
    } else {
      // 0 means the default (RFC 3810, section 5.1.8); a huge value must not make us chatter.
      this.#robustness = Math.min(query.robustness, 7) || defaultRobustness;
      this.#queryInterval = query.queryInterval || defaultQueryInterval;
    }
    const due = now + this.#random() * query.maximumResponse * 1000;
    if (query.group === null && this.version === this.#sender.currentVersion) {
      this.#generalAnswerAt = Math.min(this.#generalAnswerAt, due);
    } else {
      for (const membership of this.#memberships) this.#ask(membership, query, due, now);
    }
    this.#armAnswers();
  }

  /** Another listener reported a group: with the old versions, that answers for us too. */
  overheard(group: IpAddress): void {
    if (this.version === this.#sender.currentVersion) return;
    const membership = this.#find(group);
    if (membership === undefined || membership.answerAt === notDue) return;
    membership.answerAt = notDue;
    membership.reportedLast = false;
  }

  /** An old router is there: speak its language for a while (RFC 3810, section 8.2.1). */
  #oldQuery(query: MembershipQuery, now: Instant): void {
    const isOlder = now >= this.#oldVersionUntil || query.version < this.#oldVersion;
    if (now < this.#oldVersionUntil && query.version > this.#oldVersion) return;
    this.#oldVersion = query.version;
    this.#oldVersionUntil =
      now + this.#robustness * this.#queryInterval * 1e6 + query.maximumResponse * 1000;
    if (!isOlder) return;
    // Changing the version cancels what was going to be sent.
    this.#generalAnswerAt = notDue;
    for (const membership of this.#memberships) membership.answerAt = notDue;
  }

  #ask(membership: Membership, query: MembershipQuery, due: Instant, now: Instant): void {
    if (!membership.joined) return;
    if (query.group !== null && !query.group.equals(membership.group)) return;
    // Every group answers at a time of its own, so that old listeners can keep quiet.
    const at = query.group === null ? now + this.#random() * query.maximumResponse * 1000 : due;
    // Asked about sources while asked about all: all it is.
    membership.askedSources =
      membership.answerAt !== notDue && membership.askedSources.length === 0
        ? []
        : query.sources.length === 0
          ? []
          : [...membership.askedSources, ...query.sources].slice(0, 64);
    membership.answerAt = Math.min(membership.answerAt, at);
  }

  #armAnswers(): void {
    let next = this.#generalAnswerAt;
    for (const { answerAt } of this.#memberships) next = Math.min(next, answerAt);
    this.#sender.environment.timers.set(this.#answerTimer, next);
  }

  #sendAnswers(now: Instant): void {
    const isCurrent = this.version === this.#sender.currentVersion;
    const all = this.#generalAnswerAt <= now;
    if (all) this.#generalAnswerAt = notDue;
    const records: MembershipRecord[] = [];
    for (const membership of this.#memberships) {
      if (!membership.joined || !(all || membership.answerAt <= now)) continue;
      const sources = all || membership.answerAt > now ? [] : membership.askedSources;
      membership.answerAt = notDue;
      membership.askedSources = [];
      if (isCurrent) {
        // Asked about sources: all of them are wanted (RFC 3810, section 6.3, rule 3).
        const type = sources.length > 0 ? recordType.isInclude : recordType.isExclude;
        records.push({ type, group: membership.group, sources });
      } else {
        membership.reportedLast = true;
        this.#sender.oldReport(this.version, membership.group);
      }
    }
    this.#report(records);
    this.#armAnswers();
  }

  /** Has a change reported as often as the robustness asks, the first time at once (section 6.1). */
  #changed(membership: Membership): void {
    membership.changes = this.#robustness;
    const { clock, timers } = this.#sender.environment;
    timers.set(this.#changeTimer, clock.now);
  }

  #sendChanges(now: Instant): void {
    const { version } = this;
    const isCurrent = version === this.#sender.currentVersion;
    const records: MembershipRecord[] = [];
    for (const membership of this.#memberships) {
      if (membership.changes === 0) continue;
      membership.changes -= 1;
      const { group } = membership;
      if (isCurrent) {
        const type = membership.joined ? recordType.toExclude : recordType.toInclude;
        records.push({ type, group, sources: [] });
      } else if (membership.joined) {
        membership.reportedLast = true;
        this.#sender.oldReport(version, group);
      } else {
        membership.changes = 0;
        if (membership.reportedLast) this.#sender.oldLeave(version, group);
      }
    }
    this.#report(records);
    this.#forgetLeft();
    if (!this.#memberships.some((membership) => membership.changes > 0)) return;
    const { timers } = this.#sender.environment;
    timers.set(this.#changeTimer, now + 1 + this.#random() * unsolicitedInterval);
  }

  #report(records: readonly MembershipRecord[]): void {
    const { recordLimit } = this.#sender;
    let batch: MembershipRecord[] = [];
    let weight = 0;
    for (const record of records) {
      const size = 1 + record.sources.length;
      if (batch.length > 0 && weight + size > recordLimit) {
        this.#sender.report(batch);
        batch = [];
        weight = 0;
      }
      batch.push(record);
      weight += size;
    }
    if (batch.length > 0) this.#sender.report(batch);
  }

  #forgetLeft(): void {
    for (let at = this.#memberships.length - 1; at >= 0; at--) {
      const membership = this.#memberships[at] as Membership;
      if (!membership.joined && membership.changes === 0) this.#memberships.splice(at, 1);
    }
  }

  #find(group: IpAddress): Membership | undefined {
    return this.#memberships.find((membership) => membership.group.equals(group));
  }

  /** From 0 to 1. */
  #random(): number {
    const noise = this.#noise;
    this.#sender.environment.random(noise);
    return (((noise[0] as number) << 8) | (noise[1] as number)) / 0xffff;
  }
}
