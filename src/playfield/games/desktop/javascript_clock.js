// The time of a page, which rises only as far as it is told. Playfield puts this before all scripts of the page and
// calls it with the wall clock at its beginning, in milliseconds since 1970, and the seed of its chance.
//
// Everything a page can learn the time from is replaced: Date, performance.now, the times of events, frames, timers,
// idle time, and what styles move by themselves. The time stands still while the page loads and while the agent thinks.
// Not replaced: workers, sound, video, moving pictures of files, and inner frames, in which time goes on as ever.
(function (epoch, seed) {
  "use strict";
  if (window !== window.top) return;

  const BEGUN = 100; // what performance.now() says at first: no page was ever there at 0, and some take 0 for "not yet"
  const DEEP = 5, DEEP_MS = 4; // timers set by timers, deeper than this, wait so long at least: the standard's numbers
  const FENCE = "F24"; // the key that says that everything pressed before it has arrived

  const realDate = window.Date;
  const realFrame = window.requestAnimationFrame.bind(window);
  let now = 0, frames = 0, calls = 0, depth = 0;

  // Time that is asked for
  const wall = () => Math.floor(epoch + now);
  realDate.now = wall;
  window.Date = new Proxy(realDate, {
    construct: (target, parts, made) => Reflect.construct(target, parts.length ? parts : [wall()], made),
    apply: () => new realDate(wall()).toString(),
  });
  realDate.prototype.constructor = window.Date;
  performance.now = () => BEGUN + now;
  Object.defineProperty(performance, "timeOrigin", { get: () => epoch - BEGUN });
  Object.defineProperty(Event.prototype, "timeStamp", { get: () => BEGUN + now });

  // Time that is waited for
  const timers = new Map(); // in the order of their setting
  function waiting(handler, ms, every, parts) {
    const run = typeof handler === "function" ? handler : new Function(String(handler));
    const least = depth >= DEEP ? DEEP_MS : 0;
    const wait = Math.max(least, Number(ms) || 0, every ? 1 : 0);
    calls += 1;
    timers.set(calls, { id: calls, due: now + wait, wait, every, run, parts, depth: depth + 1 });
    return calls;
  }
  window.setTimeout = (handler, ms, ...parts) => waiting(handler, ms, false, parts);
  window.setInterval = (handler, ms, ...parts) => waiting(handler, ms, true, parts);
  window.clearTimeout = window.clearInterval = (id) => void timers.delete(Number(id));

  let drawing = new Map(), drawn = new Map(); // what the next frame draws, and what this one still has to
  window.requestAnimationFrame = (run) => (drawing.set(++calls, run), calls);
  window.cancelAnimationFrame = (id) => void (drawing.delete(id), drawn.delete(id));
  const idle = { didTimeout: false, timeRemaining: () => 10 };
  window.requestIdleCallback = (run) => waiting(() => run(idle), 1, false, []);
  window.cancelIdleCallback = window.clearTimeout;

  // Chance
  let state = seed >>> 0;
  function bits() { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  Math.random = () => bits() / 4294967296;
  Crypto.prototype.getRandomValues = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = bits();
    return array;
  };
  Crypto.prototype.randomUUID = () =>
    "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) => (c ^ ((bits() & 15) >> (c / 4))).toString(16));

  // What would stop the page until somebody answers, or leave its window
  window.alert = () => undefined;
  window.confirm = () => true;
  window.prompt = () => null;
  window.print = () => undefined;
  window.open = () => null;
  Element.prototype.requestFullscreen = async () => undefined; // it fills its window as it is

  // Movement that a style describes: held, and moved by our time. What has ended is told to the page in a real frame.
  const held = new Map();
  function animate() {
    const moving = document.getAnimations();
    for (const each of held.keys()) if (!moving.includes(each)) held.delete(each);
    for (const each of moving) {
      if (!held.has(each)) {
        if (each.playState !== "running") continue; // the page holds it itself
        held.set(each, now);
        each.pause();
      }
      const passed = (now - held.get(each)) * each.playbackRate;
      if (passed >= each.effect.getComputedTiming().endTime) each.finish();
      else each.currentTime = passed;
    }
    return moving.length > 0;
  }
  const painted = () => new Promise((done) => realFrame(done));

  // Between two calls the page does what it has put off: promises, messages to itself.
  const channel = new MessageChannel();
  let resume = null;
  channel.port1.onmessage = () => resume();
  const turn = () => new Promise((done) => { resume = done; channel.port2.postMessage(0); });

  function call(run, parts, deep) {
    depth = deep;
    try {
      run.apply(window, parts);
    } catch (error) {
      reportError(error);
    }
    depth = 0;
  }
  function earliest() {
    let found = null;
    for (const timer of timers.values()) if (found === null || timer.due < found.due) found = timer;
    return found;
  }
  async function fire(timer) {
    now = Math.max(now, timer.due);
    timers.delete(timer.id);
    if (timer.every) timers.set(timer.id, { ...timer, due: now + timer.wait });
    call(timer.run, timer.parts, timer.depth);
    await turn();
  }
  async function draw(time) {
    now = time;
    frames += 1;
    if (animate()) await painted();
    drawn = drawing;
    drawing = new Map();
    for (const run of drawn.values()) call(run, [BEGUN + now], 0);
    await turn();
  }
  async function pass(ms) {
    const until = now + ms;
    for (;;) {
      const timer = earliest(), frame = ((frames + 1) * 1000) / 60;
      const next = timer === null ? frame : Math.min(timer.due, frame);
      if (next > until) break;
      await (timer !== null && timer.due <= frame ? fire(timer) : draw(frame));
    }
    now = until;
  }

  // Keys arrive by another way than our calls do, so a call waits for the fence that was pressed after them.
  let fences = 0, fenced = () => undefined;
  function listen(event) {
    if (event.code !== FENCE) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    if (event.type === "keyup") { fences += 1; fenced(); }
  }
  window.addEventListener("keydown", listen, true);
  window.addEventListener("keyup", listen, true);
  async function arrived() {
    if (fences === 0) await new Promise((done) => { fenced = done; });
    fences -= 1;
  }

  // The lowest row of the window carries a number as its colour: once the display shows it, all above is painted.
  function mark(number) {
    let strip = document.querySelector("playfield-mark");
    if (strip === null) {
      strip = document.createElement("playfield-mark");
      strip.popover = "manual";
      document.documentElement.append(strip);
    }
    // The layer of popovers lies above all of the page, and what the page does to itself, as to invert it, stays below.
    if (!strip.matches(":popover-open")) strip.showPopover();
    strip.style.cssText = `all: initial; position: fixed; left: 0; right: 0; bottom: 0; height: 1px;
      background: #${number.toString(16).padStart(6, "0")}`;
  }

  Object.defineProperty(window, "playfieldClock", {
    value: Object.freeze({
      heard: () => fences,
      forget: () => { fences = 0; },
      advance: async (ms, number) => {
        await arrived();
        await pass(ms);
        animate(); // what has just begun to move has not moved yet
        mark(number);
        return now;
      },
    }),
  });
})
