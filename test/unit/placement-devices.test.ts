/** What the system isolate knows of devices whose drivers have isolates of their own: models of cards, one by one. */
import { placeable as placeableE1000 } from '@runtimejs/e1000/own.ts';
import { PciFunction } from '@runtimejs/pci/function.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import { findPlaceable, openPlace, resetPlace } from '@runtimejs/virtio/placement.ts';
import { placeable as placeableVirtio } from '@runtimejs/virtio-net/own.ts';
import test from 'ava';
import { E1000Model } from './support/e1000-model.ts';
import { FakePlatform } from './support/fake-platform.ts';
import { VirtioNetModel } from './support/virtio-net-model.ts';
import { VirtioMmioModel, VirtioPciModel } from './support/virtio-transports.ts';

const address = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

test("Intel's card is found, described and left reset", (t) => {
  const platform = new FakePlatform();
  const model = new E1000Model(platform);
  const [card] = placeableE1000.find(platform);
  if (card === undefined) throw new Error('there is no card');
  const identity = placeableE1000.identify(platform, card);
  if (typeof identity === 'string') throw new Error(identity);
  t.deepEqual([...identity.hardwareAddress], address);
  t.is(identity.mtu, 1500);
  t.true(identity.offloads.transmitChecksum);
  t.false(model.isReceiving);
  t.is(placeableE1000.reset(platform, card), undefined);
  t.is(card.access.read(4, 2) & 4, 0, 'it masters no bus');
});

test('a card that has no address cannot be placed, and says so', (t) => {
  const platform = new FakePlatform();
  const model = new E1000Model(platform);
  model.forgetAddress();
  model.eeprom.splice(0, 3, 0xffff, 0xffff, 0xffff);
  const [card] = placeableE1000.find(platform);
  t.is(
    card && placeableE1000.identify(platform, card),
    'it has no MAC address, and its EEPROM none either',
  );
});

test('virtio cards are found on PCI and on MMIO, and described alike', (t) => {
  const platform = new FakePlatform();
  const models = [new VirtioNetModel(platform), new VirtioNetModel(platform)];
  new VirtioPciModel(platform, models[0] as VirtioNetModel);
  new VirtioMmioModel(platform, models[1] as VirtioNetModel);
  const places = placeableVirtio.find(platform);
  t.deepEqual(
    places.map((place) => place instanceof PciFunction),
    [true, false],
  );
  for (const [index, place] of places.entries()) {
    const identity = placeableVirtio.identify(platform, place);
    if (typeof identity === 'string') throw new Error(identity);
    t.deepEqual([...identity.hardwareAddress], address);
    t.is(models[index]?.status, 0, 'it is left reset');
  }
});

test('a device over MMIO is reset whatever its driver did', (t) => {
  const platform = new FakePlatform();
  const model = new VirtioNetModel(platform);
  new VirtioMmioModel(platform, model);
  const [place] = placeableVirtio.find(platform);
  if (place === undefined) throw new Error('there is no card');
  const transport = openPlace(place, deviceType.network);
  if (typeof transport === 'string') throw new Error(transport);
  transport.writeStatus(3);
  t.is(model.status, 3);
  t.is(resetPlace(platform, place, deviceType.network), undefined);
  t.is(model.status, 0);
});

test('what is of another type, or too old, is not placed', (t) => {
  const platform = new FakePlatform();
  new VirtioMmioModel(platform, new VirtioNetModel(platform));
  new VirtioMmioModel(platform, new VirtioNetModel(platform), 1);
  t.is(findPlaceable(platform, deviceType.entropy, 'virtio-rng').length, 0);
  t.deepEqual(platform.messages, []);
  const places = placeableVirtio.find(platform);
  t.is(places.length, 1);
  t.regex(
    platform.messages.join('\n'),
    /virtio-net: left out the device at MMIO slot 1: .*version 1/,
  );
  const [place] = places;
  t.is(place && openPlace(place, deviceType.entropy), 'it is of another type now');
});
