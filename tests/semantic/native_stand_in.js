/**
 * A stand-in for Cube's native addon, FOR TESTS ONLY: `node --require native_stand_in.js …`.
 *
 * The addon is a binary that its installer fetches from a host of its own, which machines of CI may
 * not reach; without it Cube refuses to start. Everything else of Cube here is the real one: model
 * compiler, planner, queue, cache, rollups, JWT, REST, GraphQL and the DuckDB driver.
 *
 * Cube's command also wants Node 22 or newer, and works with 20, which these tests may have to do with.
 *
 * Belongs here: the two things that Cube asks of the addon for REST and GraphQL, setting up a log and
 * shaping the rows of an answer. Does not belong here: SQL API, Jinja and the planner in Rust; they
 * refuse.
 */

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const ADDON = path.join('@cubejs-backend', 'native', 'index.node');

function refuse(what) {
  return () => {
    throw new Error(`${what} needs Cube's native addon; tests run with a stand-in for it`);
  };
}

/** A timestamp as the API writes it: milliseconds, no zone. */
function shaped(value, type) {
  if (value === null || type !== 'time') return value;
  return String(value).replace(' ', 'T').replace(/Z$/, '');
}

/** The rows of one query, `{member: value}` each. */
function rowsOf({ aliasToMemberNameMap, annotation, query, queryType }, bytes) {
  const { members, columns } = JSON.parse(Buffer.from(bytes).toString());
  if (queryType !== 'regularQuery') refuse(queryType)();
  const dimensions = new Set(query.dimensions ?? []);
  const rows = Array.from({ length: columns[0]?.length ?? 0 }, () => ({}));
  members.forEach((alias, column) => {
    const member = aliasToMemberNameMap[alias];
    if (!annotation[member]) throw new Error(`You requested hidden member: '${alias}'`);
    const [cube, field, granularity] = member.split('.');
    const plain = `${cube}.${field}`;
    rows.forEach((row, index) => {
      row[member] = shaped(columns[column][index], annotation[member].type);
      if (granularity && !dimensions.has(plain)) row[plain] = row[member];
    });
  });
  return rows;
}

const bytesOf = (answer) => Uint8Array.from(Buffer.from(JSON.stringify(answer))).buffer;

const standIn = {
  setupLogger: () => {},
  resetLogger: () => {},
  isFallbackBuild: () => true,
  redactSqlLiterals: (sql) => sql,
  getFinalQueryResult: async (transform, rows, answer) =>
    bytesOf({ ...answer, data: rowsOf(transform, rows) }),
  getFinalQueryResultMulti: async (transforms, rows, { results, ...answer }) =>
    bytesOf({
      ...answer,
      results: results.map((result, i) => ({ ...result, data: rowsOf(transforms[i], rows[i]) })),
      pivotQuery: results[0]?.query,
    }),
  registerInterface: async () => ({}),
  shutdownInterface: async () => {},
  newJinjaEngine: () => ({ loadTemplate: refuse('Jinja'), renderTemplate: refuse('Jinja') }),
  pythonLoadModel: async () => ({ filters: {}, functions: {}, variables: {} }),
  execSql: refuse('The SQL API'),
  sql4sql: refuse('The SQL API'),
  rest4sql: refuse('The SQL API'),
  getCubestoreResult: refuse('Cube Store'),
  parseCubestoreResultMessage: refuse('Cube Store'),
  buildSqlAndParams: refuse('The planner in Rust'),
};

const { existsSync } = fs;
fs.existsSync = (file) => String(file).endsWith(ADDON) || existsSync(file);

const load = Module._load;
Module._load = function loadOrStandIn(request, ...rest) {
  if (request.endsWith('/node-check')) return {};
  return request.endsWith(ADDON) ? standIn : load.call(this, request, ...rest);
};
