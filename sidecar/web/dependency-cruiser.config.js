// The walls between modules: no import circle, also not of types alone, and one direction between the recorder's rooms.

const RECORDER = "^recorder/src/";

/** What each room of the recorder may import of the others; the modules beside the rooms put them together. */
const ROOMS = {
  support: [],
  wire: [],
  masking: ["support"],
  session: ["support"],
  buffer: ["support", "wire"],
  transport: ["support", "wire"],
  capture: ["support", "masking"],
  delivery: ["support", "wire", "buffer", "transport"],
};

const walls = Object.entries(ROOMS).map(([room, others]) => ({
  name: `recorder-${room}`,
  comment: `${room}/ imports ${others.length === 0 ? "no other room" : `only ${others.join(", ")}`}`,
  severity: "error",
  from: { path: `${RECORDER}${room}/` },
  to: { path: RECORDER, pathNot: `${RECORDER}(?:${[room, ...others].join("|")})/|${RECORDER}options[.]ts$` },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    { name: "no-unresolved", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-tests-in-sources",
      severity: "error",
      from: { path: "^(?:recorder|console)/src/" },
      to: { path: "^(?:recorder|console)/test/" },
    },
    {
      name: "recorder-and-console-apart",
      comment: "pages load the recorder alone, and the console does not record",
      severity: "error",
      from: { path: "^(recorder|console)/" },
      to: { path: "^(?:recorder|console)/", pathNot: "^$1/" },
    },
    ...walls,
  ],
  options: {
    // Imports that TypeScript erases count as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    exclude: { path: "(?:^|/)dist/" },
    doNotFollow: { path: "node_modules|^[.][.]/" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "default"] },
  },
};
