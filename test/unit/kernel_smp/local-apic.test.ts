// The local APIC in memory and as machine-specific registers.
import test from 'ava';
import { kernel } from './addon.ts';

const enabled = 1 << 11;
const x2apic = 1 << 10;
const command = { reschedule: 0x40f1, init: 0x4500 };

test('without x2APIC the registers are in memory, and ids have 8 bits', (t) => {
  const apic = new kernel.LocalApic(false, 0xfee00000 | enabled, 3);
  t.false(apic.isX2Apic());
  t.is(apic.id(), 3);
  t.is(apic.highestId(), 0xfe);
  t.deepEqual(apic.write(0xf0, 0x1ff), [], 'no machine-specific register');
  t.is(apic.word(0xf0), 0x1ff);
  t.deepEqual(apic.send(5, command.reschedule), []);
  t.is(apic.word(0x310), 5 << 24);
  t.is(apic.word(0x300), command.reschedule);
});

test('with x2APIC each register is machine-specific, and a command is one write after a fence', (t) => {
  const apic = new kernel.LocalApic(true, 0xfee00000 | enabled, 290);
  t.true(apic.isX2Apic());
  t.is(apic.highestId(), 0xfffffffe);
  t.is(apic.id(), 290, 'not shifted');
  apic.write(0xb0, 0);
  t.deepEqual(apic.write(0xb0, 0), ['0x80b=0x0'], 'end of interrupt');
  t.deepEqual(apic.write(0x380, 77), ['0x838=0x4d'], "the timer's initial count");
  t.is(apic.read(0x390), 0x1234);
  apic.write(0xb0, 0);
  t.deepEqual(apic.send(290, command.init), ['fence', '0x830=0x12200004500']);
  t.is(apic.word(0x300), 0, 'the page is not touched');
});

test('the mode is entered in steps that the CPU allows, and kept where firmware entered it', (t) => {
  const fresh = new kernel.LocalApic(true, 0xfee00000, 0);
  // Turned off, then on, then x2APIC: never the last in one step from off (SDM volume 3, 10.12.5).
  t.deepEqual(fresh.enterMode(0xfee00000), ['0x1b=0xfee00800', '0x1b=0xfee00c00']);
  t.deepEqual(fresh.enterMode(0xfee00000 | enabled), ['0x1b=0xfee00c00']);
  t.deepEqual(fresh.enterMode(0xfee00000 | enabled | x2apic), [], 'nothing to do');
  const found = new kernel.LocalApic(false, 0xfee00000 | enabled | x2apic, 0);
  t.true(found.isX2Apic(), 'firmware has turned it on, whatever CPUID says');
  const old = new kernel.LocalApic(false, 0xfee00000, 0);
  t.deepEqual(old.enterMode(0xfee00000), ['0x1b=0xfee00800']);
});
