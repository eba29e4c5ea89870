// ONNX Runtime's side of bench/graphs/race.py: node peer.js MODULE_DIR THREADS, then a line of JSON per
// request on the standard input and one per answer on the standard output.
//   {"load": "model.onnx"}                         -> {"seconds", "rss"}: the session's, and memory it took
//   {"inputs": {name: {type, dims, file}}, "runs"} -> {"seconds": [..]} of single runs, the last after
//                                                     warming up; "out": file for the first output
const fs = require("fs");
const readline = require("readline");

const [moduleDir, threads] = process.argv.slice(2);
const ort = require(moduleDir + "/onnxruntime-node");
let session = null;

function resident() {
  if (global.gc) global.gc();
  return process.memoryUsage.rss();
}

function tensor({ type, dims, file }) {
  const bytes = fs.readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const data = type === "int64" ? new BigInt64Array(buffer) : new Float32Array(buffer);
  return new ort.Tensor(type, data, dims);
}

async function answer(request) {
  if (request.load) {
    const before = resident();
    const start = process.hrtime.bigint();
    session = await ort.InferenceSession.create(request.load, {
      intraOpNumThreads: Number(threads),
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
    });
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    return { seconds, rss: resident() - before };
  }
  const feeds = {};
  for (const [name, about] of Object.entries(request.inputs)) feeds[name] = tensor(about);
  let outputs = await session.run(feeds);
  const seconds = [];
  for (let i = 0; i < request.runs; i++) {
    const start = process.hrtime.bigint();
    outputs = await session.run(feeds);
    seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  if (request.out) {
    const { data } = outputs[session.outputNames[0]];
    fs.writeFileSync(request.out, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  return { seconds };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await answer(JSON.parse(line))));
}
main();
