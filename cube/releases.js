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
const name = (value) => `"${value.replaceAll('"', '""')}"`;

/** Read a file whole, or return null where there is none. */
async function readFile(file) {
  try {
    return await fs.readFile(file);
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The releases of a lake in folders. `control` holds pointers and releases, `gold` the files of
 * gold tables; `pipelines` are the names of those that the model reads.
 */
class Lake {
  constructor({ control, gold, pipelines }) {
    this.control = control;
    this.gold = gold;
    this.pipelines = pipelines;
    this.known = new Map();
  }

  /**
   * Return `{version, gold}` of this moment. `version` is another one whenever a pointer is;
   * `gold(pipeline, table)` is the relation of a table, and throws where there is none.
   */
  async current() {
    const releases = new Map();
    for (const pipeline of this.pipelines) {
      releases.set(pipeline, await this.release(pipeline));
    }
    const versions = [...releases].map(([pipeline, found]) => [pipeline, found?.version ?? null]);
    return {
      version: sha256(JSON.stringify(versions)),
      gold: (pipeline, table) => this.relation(pipeline, releases.get(pipeline)?.document, table),
    };
  }

  /** Return `{version, document}` of what the pointer of `pipeline` names, null if nothing is published. */
  async release(pipeline) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const bytes = await readFile(path.join(this.control, pipeline, '_latest.json'));
      if (bytes === null) return null;
      const pointer = JSON.parse(bytes);
      const known = this.known.get(pipeline);
      if (known?.version === pointer.sha256) return known;
      const place = path.join(this.control, pipeline, '_releases', String(pointer.release));
      // Beside its place lies a document whose place was taken when it was published.
      for (const file of [`${place}.json`, `${place}.${pointer.sha256.slice(0, 16)}.json`]) {
        const document = await readFile(file);
        if (document !== null && sha256(document) === pointer.sha256) {
          const found = { version: pointer.sha256, document: JSON.parse(document) };
          this.known.set(pipeline, found);
          return found;
        }
      }
      // The pointer has moved on meanwhile.
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
    throw new Error(`${pipeline}: no release is the one that the pointer names; see ${this.control}`);
  }

  /** Return SQL that stands for a gold table: exactly the files that the release lists. */
  relation(pipeline, release, table) {
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
      const empty = columns.map(([column, type]) => `NULL::${type} AS ${name(column)}`);
      return `(SELECT ${empty.join(', ')} WHERE false)`;
    }
    const files = found.files.map((file) => text(path.join(this.gold, file.path)));
    return `read_parquet([${files.join(', ')}], hive_partitioning = false, union_by_name = true)`;
  }
}

module.exports = { Lake };
