/**
 * What readers see now: the current release of each pipeline, and the files of its gold tables.
 *
 * Belongs here: following the pointers, and the SQL that reads exactly the files that a release
 * lists. Does not belong here: what is made of the tables (model/), or serving (cube.js).
 */

const { createHash } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');

const ATTEMPTS = 40;
const PAUSE_MS = 50;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const text = (value) => `'${value.replaceAll("'", "''")}'`;
const quoted = (value) => `"${value.replaceAll('"', '""')}"`;

/** Read a file whole, or return null where there is none. */
async function readFile(file) {
  try {
    return await fs.readFile(file);
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** What is current at one moment: the releases of all pipelines. The model calls `gold`. */
class Releases {
  constructor(root, found) {
    this.root = root;
    this.found = found;
    const versions = [...found].map(([pipeline, release]) => [pipeline, release?.version ?? null]);
    this.version = sha256(JSON.stringify(versions));
  }

  /** Return SQL that stands for a gold table: exactly the files that its release lists. */
  gold(pipeline, table) {
    const release = this.found.get(pipeline)?.document;
    if (!release) {
      throw new Error(`${pipeline}: nothing is published yet; run: medallion run ${pipeline}`);
    }
    const found = release.tables[`gold.${table}`];
    if (!found) {
      const elsewhere = release.warehouse_gold ? ': the warehouse computes gold of it' : '';
      throw new Error(
        `${pipeline}: release ${release.release} has no table gold.${table}${elsewhere}`,
      );
    }
    if (!found.files.length) {
      const columns = Object.entries(found.columns);
      const empty = columns.map(([column, type]) => `NULL::${type} AS ${quoted(column)}`);
      return `(SELECT ${empty.join(', ')} WHERE false)`;
    }
    const files = found.files.map((file) => text(path.join(this.root, file.path)));
    return `read_parquet([${files.join(', ')}], hive_partitioning = false, union_by_name = true)`;
  }
}

/**
 * A lake in folders. `control` holds pointers and releases, `gold` the files of gold tables;
 * `pipelines` are the names of those that the model reads.
 */
class Lake {
  constructor({ control, gold, pipelines }) {
    this.control = control;
    this.gold = gold;
    this.pipelines = pipelines;
    this.last = new Releases(gold, new Map());
    this.turn = Promise.resolve();
  }

  /** What the model is to see of the releases that were looked up last. */
  get seen() {
    const { last } = this;
    return { gold: (pipeline, table) => last.gold(pipeline, table) };
  }

  /**
   * Look where the pointers are now, and return a text that is another one whenever one has moved.
   *
   * One look follows the other, so that what was seen last is the newest.
   */
  follow() {
    const looked = this.turn.then(() => this.look());
    this.turn = looked.catch(() => {});
    return looked;
  }

  async look() {
    const found = new Map();
    for (const pipeline of this.pipelines) {
      found.set(pipeline, await this.release(pipeline));
    }
    this.last = new Releases(this.gold, found);
    return this.last.version;
  }

  /** Return `{version, document}` of what the pointer of `pipeline` names, null if nothing is published. */
  async release(pipeline) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const bytes = await readFile(path.join(this.control, pipeline, '_latest.json'));
      if (bytes === null) return null;
      const pointer = JSON.parse(bytes);
      const known = this.last.found.get(pipeline);
      if (known?.version === pointer.sha256) return known;
      const place = path.join(this.control, pipeline, '_releases', String(pointer.release));
      // Beside its place lies a document whose place was taken when it was published.
      for (const file of [`${place}.json`, `${place}.${pointer.sha256.slice(0, 16)}.json`]) {
        const document = await readFile(file);
        if (document !== null && sha256(document) === pointer.sha256) {
          return { version: pointer.sha256, document: JSON.parse(document) };
        }
      }
      // The pointer has moved on meanwhile.
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
    throw new Error(`${pipeline}: no release is the one that the pointer names; see ${this.control}`);
  }
}

module.exports = { Lake };
