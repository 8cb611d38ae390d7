#pragma once

/// Where the life cycle of capture and language server stands.
namespace agp::control {

/// idle ─start─> ensuring_bundle ─> ensuring_redirect ─> asking_helper ─> clearing ─> scanning
/// scanning ─none─> waiting_for_ide ─timer─> scanning
/// scanning ─found─> starting ─> probing ─> running; found later: through ensuring_bundle again,
/// so that no language server ever starts before bundle and redirect are known to be there.
/// Anything that fails ─> backing_off ─timer─> ensuring_bundle. stop() ─> stopping ─> stopped.
/// hold() ─> held, with bundle and redirect in place as ever; resume() ─> ensuring_bundle.
/// release() ─> stopping_ls ─> releasing ─> released; capture() ─> ensuring_bundle.
enum class Phase {
  idle,               // start() not called, or capture is off by configuration
  ensuring_bundle,    // waits for the helper
  ensuring_redirect,  // waits for the helper
  capturing,          // bundle and redirect are there, no language server wanted
  asking_helper,      // what runs already, which binaries may be started
  clearing,           // a language server of a predecessor is being stopped
  scanning,           // looking for the IDE
  waiting_for_ide,    // timer runs until the next look
  starting,           // the helper starts the language server
  probing,            // it was started and does not answer yet
  running,            // it answers
  stopping_ls,        // it is being stopped, because the IDE went away, changed, or it hangs
  backing_off,        // timer runs until the next attempt
  held,               // somebody asked for no language server; everything else goes on
  releasing,          // somebody asked for no capture; the helper takes the redirect away
  released,           // it is gone, and nothing runs
  stopping,           // stop() was called; waits for what is under way
  stopped,
};

[[nodiscard]] const char* to_string(Phase phase);

}  // namespace agp::control
