/**
 * Cube over the gold tables of every pipeline.
 *
 * Belongs here: which release a request sees, and what cannot be said in the model or by Cube's own
 * variables. Does not belong here: cubes and views (model/), or starting it (cli/cube_server.py).
 */

const fs = require('node:fs');
const path = require('node:path');
const { groupsOf } = require('./groups');
const { listenOn } = require('./loopback');
const { Lake } = require('./releases');

// Timestamps without a zone are UTC, and would be cast in the zone of the process.
process.env.TZ = 'UTC';
listenOn(process.env.MEDALLION_CUBE_HOST || '127.0.0.1');

const root = path.resolve(process.env.MEDALLION_LAKE || '../lake');
const lake = new Lake({
  control: process.env.MEDALLION_CONTROL_ROOT || root,
  gold: process.env.MEDALLION_GOLD_ROOT || path.join(root, 'gold'),
  pipelines: fs.readdirSync(path.join(__dirname, 'model', 'cubes')),
});

module.exports = {
  // A request sees the releases that are current when it comes in, and no other ones: the model is
  // compiled for them. Results and rollups are found by their SQL, which names the files.
  extendContext: () => lake.current(),
  contextToAppId: async ({ version }) => version ?? (await lake.current()).version,
  scheduledRefreshContexts: async () => [{ securityContext: {}, ...(await lake.current()) }],
  compilerCacheSize: 8,

  driverFactory: () => ({ type: 'duckdb', initSql: "SET TimeZone = 'UTC'" }),

  contextToGroups: ({ securityContext }) => groupsOf(securityContext),
  telemetry: false,
};
