import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { errorOf, type Group, inTemporaryFolder } from '../collector.ts';

function fill(database: DatabaseSync, rows: number): void {
  database.exec(
    'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, image BLOB)',
  );
  const insert = database.prepare('INSERT INTO item (name, price, image) VALUES (?, ?, ?)');
  database.exec('BEGIN');
  for (let row = 0; row < rows; row++)
    insert.run(`item ${row}`, row / 4, new Uint8Array([row & 255, 7]));
  database.exec('COMMIT');
}

function summary(database: DatabaseSync): unknown {
  return {
    ...database
      .prepare('SELECT count(*) AS rows, sum(price) AS total, max(name) AS last FROM item')
      .get(),
  };
}

export const sqlite: Group = {
  name: 'sqlite',
  cases: {
    'in memory': async (log) => {
      const database = new DatabaseSync(':memory:');
      fill(database, 2000);
      log(summary(database));
      log(
        database.prepare('SELECT * FROM item WHERE price BETWEEN ? AND ? ORDER BY id').all(1, 1.5),
      );
      log(database.prepare('SELECT name FROM item WHERE id = :id').get({ id: 42n }));
      log(await errorOf(() => database.exec("INSERT INTO item (id, name) VALUES (1, 'twice')")));
      log(await errorOf(() => database.prepare('SELECT nothing FROM nowhere')));
      log(database.prepare("UPDATE item SET price = 0 WHERE name LIKE 'item 1%'").run());
      database.close();
    },

    'functions, JSON and full text': (log) => {
      const database = new DatabaseSync(':memory:');
      database.function('shout', (text) => `${text}!`);
      database.aggregate('product', {
        start: 1,
        step: (product, value) => Number(product) * Number(value),
      });
      log(database.prepare("SELECT shout('hello') AS said").get());
      log(database.prepare('SELECT product(column1) AS product FROM (VALUES (2), (3), (7))').get());
      log(database.prepare(`SELECT json_extract('{"a":[1,{"b":2}]}', '$.a[1].b') AS b`).get());
      database.exec(
        "CREATE VIRTUAL TABLE note USING fts5(body); INSERT INTO note VALUES ('the quick fox'), ('a slow dog')",
      );
      log(database.prepare("SELECT body FROM note WHERE note MATCH 'quick'").all());
      database.close();
    },

    'a file on /tmp': async (log) =>
      inTemporaryFolder((folder) => {
        const path = join(folder, 'data.sqlite');
        let database = new DatabaseSync(path);
        fill(database, 5000);
        database.close();
        database = new DatabaseSync(path, { readOnly: true });
        log(
          summary(database),
          database.prepare('PRAGMA integrity_check').get(),
          statSync(path).size % 4096,
        );
        database.close();
        log(readdirSync(folder));
      }),

    'rolling back': async (log) =>
      inTemporaryFolder((folder) => {
        const database = new DatabaseSync(join(folder, 'data.sqlite'));
        fill(database, 1000);
        database.exec('PRAGMA cache_size = 5; BEGIN; DELETE FROM item WHERE id > 10');
        log(summary(database));
        database.exec('ROLLBACK');
        log(summary(database), database.prepare('PRAGMA integrity_check').get());
        database.close();
      }),

    'write-ahead log with two connections': async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'data.sqlite');
        const writer = new DatabaseSync(path);
        log(writer.prepare('PRAGMA journal_mode = WAL').get());
        fill(writer, 1000);
        const reader = new DatabaseSync(path);
        writer.exec('BEGIN IMMEDIATE; DELETE FROM item WHERE id > 500');
        log(summary(reader));
        log(await errorOf(() => reader.exec('BEGIN IMMEDIATE')));
        writer.exec('COMMIT');
        log(summary(reader), readdirSync(folder).sort());
        log(writer.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get());
        reader.close();
        writer.close();
        log(readdirSync(folder));
      }),

    'a lock keeps the second writer out': async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'data.sqlite');
        const first = new DatabaseSync(path);
        first.exec('CREATE TABLE t (x)');
        const second = new DatabaseSync(path, { timeout: 20 });
        first.exec('BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)');
        log(await errorOf(() => second.exec('INSERT INTO t VALUES (2)')));
        first.exec('COMMIT');
        second.exec('INSERT INTO t VALUES (2)');
        log(first.prepare('SELECT x FROM t').all());
        first.close();
        second.close();
      }),

    'backups and change sets': async (log) =>
      inTemporaryFolder(async (folder) => {
        const source = new DatabaseSync(join(folder, 'source'));
        fill(source, 800);
        await backup(source, join(folder, 'copy'));
        const copy = new DatabaseSync(join(folder, 'copy'));
        log(summary(copy));
        const session = source.createSession();
        source.exec('UPDATE item SET price = 99 WHERE id = 3');
        log(
          copy.applyChangeset(session.changeset()),
          copy.prepare('SELECT price FROM item WHERE id = 3').get(),
        );
        session.close();
        copy.close();
        source.close();
      }),
  },
};
