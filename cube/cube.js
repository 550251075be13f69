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
  // Every request asks for it. When a pointer has moved, the model is compiled anew; results and rollups
  // are found by their SQL, which names files, so that none is of another release.
  schemaVersion: () => lake.follow(),
  // The model finds the lake in COMPILE_CONTEXT, a copy of this object at each compilation: what one
  // compilation reads is of one moment. No other option gives the model the same for everybody.
  contextToAppId: (context) => {
    const seen = { get: () => lake.seen, enumerable: true, configurable: true };
    Object.defineProperty(context, 'lake', seen);
    return 'medallion';
  },
  scheduledRefreshContexts: () => [{ securityContext: {} }],

  driverFactory: () => ({ type: 'duckdb', initSql: "SET TimeZone = 'UTC'" }),

  contextToGroups: ({ securityContext }) => groupsOf(securityContext),
  telemetry: false,
};
