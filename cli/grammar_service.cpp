#include "cli/grammar.h"

namespace agp::cli {
namespace {

const std::vector<OptionRule>& file_options() {
  static const std::vector<OptionRule> kOptions = {
      {"--offline", "", Kind::text,
       "read the files instead of asking the service; done by itself when the service does not "
       "run"},
      {"--config", "FILE", Kind::file,
       "read this proxy.yaml and the policy.yaml and corp.yaml beside it"},
  };
  return kOptions;
}

std::vector<ExitRule> policy_exits(std::string_view failed) {
  return {{Exit::ok, "done, or allowed"},
          {Exit::failed, failed},
          {Exit::usage, "the command line is wrong"},
          {Exit::data, "the files are faulty, a value is wrong, or an answer is not understood"},
          {Exit::refused, "not allowed"}};
}

constexpr std::string_view kCaDetails =
    "Programs whose calls are measured see certificates that it signed. It can sign for the "
    "inspected hosts alone, and its key stays with the service.\n"
    "While it is rotated both are trusted, until the language server has been restarted between "
    "two turns; then the new one alone. Programs that \"run\" started before do not trust the new "
    "one: start them again. Rotate is an administrator's: it asks for a password, unless root "
    "asks.";

constexpr std::string_view kCaptureDetails =
    "Of the account antigravity-ls, and of commands that \"run\" starts. Off stops the language "
    "server of the service, which never runs unmeasured, and releases the redirect; what else runs "
    "goes on and is not measured; connections that are open may break. What was measured stays.\n"
    "On and off are an administrator's: they ask for a password, unless root asks.";

std::vector<ExitRule> capture_exits() {
  return service_exits({{Exit::ok, "it is on"},
                        {Exit::failed, "it fails"},
                        {Exit::not_active, "it is off, or the service is not active"}});
}

constexpr std::string_view kServerDetails =
    "The language server runs as the account antigravity-ls, with the login of the IDE that its "
    "user is running. Root, the group antigravity-proxy and the user whose session it uses may "
    "start and stop it; others are asked for an administrator's password.";

std::vector<ExitRule> server_exits(std::string_view ok) {
  return service_exits({{Exit::ok, ok},
                        {Exit::failed, "it fails"},
                        {Exit::not_active,
                         "it does not run, because it was stopped or waits for an IDE; or the "
                         "service is not active"}});
}

constexpr std::string_view kPatchDetails =
    "Builds of the IDE up to about 1.18 set detectAndUseProxy to UNSPECIFIED in the extension that "
    "they ship; current builds have no such line, and then there is nothing to patch. Not needed "
    "for measuring: it makes side traffic of the IDE honour a proxy.\n"
    "status needs no privilege; the others need root. An update of the IDE undoes the patch, and "
    "the journal of antigravity-proxy-ide-patch.service says so. The IDE may complain that its "
    "installation is corrupt while it is patched.";

std::vector<ExitRule> patch_exits() {
  return {{Exit::ok, "done, or nothing to do"},
          {Exit::failed,
           "a file was refused, changed by an update or not recognised, or no IDE is installed "
           "where helper.yaml (ide.extensions) says"},
          {Exit::usage, "the command line is wrong"},
          {Exit::data, "an answer is not understood"},
          {Exit::unavailable, "the helper cannot be reached"},
          {Exit::refused, "not allowed"}};
}

}  // namespace

std::vector<Verb> service_verbs() {
  return {
      {
          .name = "status",
          .about = "what the service does, and what it lacks",
          .details =
              "Whether usage is being measured, what the service waits for, and each problem "
              "with its remedy.",
          .exits = service_exits({{Exit::ok, "all is well, or the service only waits for the IDE"},
                                  {Exit::failed, "the service is degraded"}}),
      },
      {
          .name = "run",
          .about = "starts a program and measures its model calls",
          .details =
              "What it starts in turn is measured too. The "
              "program takes the place of this command: same process, terminal and exit code.\n"
              "Usage appears under your own uid: antigravity-proxy usage.",
          .arguments = {{"CMD", Kind::program, Occurs::program,
                         "the program; what follows it is its own"}},
          .options = {{"--user", "NAME", Kind::user, "(root only) run it as that user"},
                      {"--unmetered-ok", "", Kind::text,
                       "when its traffic cannot be captured, say so and start it anyway"}},
          .exits = {{Exit::failed, "its traffic cannot be captured; the program was not started"},
                    {Exit::usage, "the command line is wrong"},
                    {Exit::data, "there is no such user, or an answer is not understood"},
                    {Exit::unavailable, "nothing is captured at the moment"},
                    {Exit::refused, "not allowed"},
                    {Exit::cannot_execute, "the program cannot be executed"},
                    {Exit::not_found, "the program is not found"}},
          .examples = {"antigravity-proxy run -- antigravity ."},
      },
      {
          .name = "ca show",
          .about = "its certificate, the names it can sign for, the bundle that programs trust",
          .details = kCaDetails,
          .exits = service_exits(),
      },
      {
          .name = "ca rotate",
          .about = "makes a new one with a new key; open streams go on",
          .details = kCaDetails,
          .exits = service_exits({{Exit::failed, "the old one stays, or is still being replaced"}}),
      },
      {
          .name = "capture on",
          .about = "measures, until \"capture off\" or the end of the service",
          .details = kCaptureDetails,
          .exits = capture_exits(),
      },
      {
          .name = "capture off",
          .about = "measures nothing until \"capture on\" or a restart of the service",
          .details = kCaptureDetails,
          .exits = service_exits({{Exit::ok, "it is off"}, {Exit::failed, "it is still on"}}),
      },
      {
          .name = "capture status",
          .about = "whether it is on, and why not",
          .details = kCaptureDetails,
          .exits = capture_exits(),
      },
      {
          .name = "ls start",
          .about = "starts it, if an IDE is running; ends the pause after a failure",
          .details = kServerDetails,
          .exits = server_exits("it runs"),
      },
      {
          .name = "ls stop",
          .about = "stops it until \"ls start\" or a restart of the service",
          .details = kServerDetails,
          .exits = service_exits({{Exit::ok, "it was stopped"}, {Exit::failed, "it still runs"}}),
      },
      {
          .name = "ls restart",
          .about = "stops it and starts it again",
          .details = kServerDetails,
          .exits = server_exits("it runs"),
      },
      {
          .name = "ls status",
          .about = "how it is, how it ended last and what it wrote then",
          .details = kServerDetails,
          .exits = server_exits("it runs"),
      },
      {
          .name = "policy show",
          .about = "the policy in effect: each rule and the line it was written in",
          .options = file_options(),
          .exits = policy_exits("failed"),
      },
      {
          .name = "policy check",
          .about = "what happens to a host or a request, and which rule says so",
          .arguments = {{"HOST", Kind::host, Occurs::once,
                         "name of the host; \"-\" is a connection without a name"},
                        {"METHOD", Kind::method, Occurs::maybe, "of the request"},
                        {"PATH", Kind::text, Occurs::with_previous, "of the request"}},
          .options = file_options(),
          .exits = policy_exits("the host or the request is blocked"),
          .examples = {"antigravity-proxy policy check api.openai.com POST /v1/files"},
      },
      {
          .name = "policy reload",
          .about = "reads the policy files and capture.inspect again",
          .details = "These are policy.yaml and corp.yaml. New connections get "
                     "the new policy, and after any fault the old one stays, whole.",
          .exits = service_exits({{Exit::data, "the files are faulty; the old policy stays"}}),
      },
      {
          .name = "config check",
          .about = "every fault of the configuration files",
          .details = "Checks proxy.yaml, policy.yaml, corp.yaml and their drop-ins without the "
                     "service. A fault has its line.",
          .options = {{"--config", "FILE", Kind::file,
                       "check this proxy.yaml and the policy.yaml and corp.yaml beside it"}},
          .exits = {{Exit::ok, "valid"},
                    {Exit::usage, "the command line is wrong"},
                    {Exit::data, "faulty"}},
      },
      {
          .name = "doctor",
          .about = "checks everything, with the remedy of what is wrong",
          .details =
              "In the order in which it depends on each other: machine, configuration, units, "
              "service, sockets, network, certificates, capture, ledger, policy, the language "
              "server, its calls, the IDE. Shows what was seen and, where something is wrong or "
              "cannot be told, what to do; what failed is repeated at the end.\n"
              "As root it also connects as the language server would, to see that this is "
              "measured: it sends no request, and no usage comes of it. Also tests on this machine "
              "what the product relies on and could not be tried before: the real language server. "
              "Changes nothing and runs nothing of the IDE's.",
          .exits = {{Exit::ok, "nothing failed"},
                    {Exit::failed, "a check failed"},
                    {Exit::not_active, "the service is not active"},
                    {Exit::usage, "the command line is wrong"},
                    {Exit::unavailable, "the service cannot be reached"}},
      },
      {
          .name = "report",
          .about = "writes what a bug report needs, without secrets and names",
          .details =
              "Into one JSON document: versions, units, doctor, status, the configuration and the "
              "newest 200 lines of the journal (as root more of it can be read). Values of the "
              "configuration that could be secrets, users, home directories, identifiers, "
              "addresses "
              "and host names are taken out. Shows all of it first and asks; nothing is sent "
              "anywhere.",
          .options = {{"--output", "FILE", Kind::file,
                       "where to, never over another file (default: antigravity-proxy-report.json "
                       "here)"},
                      {"--yes", "", Kind::text,
                       "do not show and ask; needed where there is no terminal"}},
          .exits = {{Exit::ok, "written"},
                    {Exit::failed, "not written"},
                    {Exit::usage, "the command line is wrong, or there is nobody to ask"}},
          .examples = {"sudo antigravity-proxy report"},
      },
      {
          .name = "cleanup",
          .about = "removes every trace of the service, whatever is left of it",
          .details =
              "Stops the service, its language servers and the helper, and removes every trace of "
              "them: firewall rules in both variants of iptables and in nftables, and all files in "
              "/run. It works whatever is left of the installation, without daemon, helper and "
              "D-Bus, and may run again. Only for root.\n"
              "The configuration, the ledger and the certificate authority "
              "(/var/lib/antigravity-proxy) stay; purging the package removes them. A change by "
              "ide-patch stays too: see ide-patch revert.",
          .options = {{"--dry-run", "", Kind::text, "say what there is, and change nothing"}},
          .exits = {{Exit::ok, "nothing is left"},
                    {Exit::failed, "something is left, or cannot be told"},
                    {Exit::usage, "the command line is wrong"},
                    {Exit::refused, "only root may"}},
      },
      {
          .name = "ide-patch status",
          .about = "what each known extension.js holds",
          .details = kPatchDetails,
          .exits = patch_exits(),
      },
      {
          .name = "ide-patch apply",
          .about = "enables it where there is exactly one such line",
          .details = kPatchDetails,
          .exits = patch_exits(),
      },
      {
          .name = "ide-patch revert",
          .about = "puts the original file back",
          .details = kPatchDetails,
          .exits = patch_exits(),
      },
      {
          .name = "ide-patch forget",
          .about = "reverts, and removes the backup of a file that an update replaced",
          .details = kPatchDetails,
          .exits = patch_exits(),
      },
      {
          .name = "complete",
          .about = "values for the completion of a shell, one a line",
          .details = "Prints nothing when the service does not answer at once.",
          .arguments = {{"KIND", Kind::text, Occurs::once, "model, pool, host, cascade or uid"}},
          .exits = {{Exit::ok, "done"}, {Exit::usage, "the command line is wrong"}},
          .is_hidden = true,
      },
      {
          .name = "version",
          .about = "version of this command",
          .exits = {{Exit::ok, "done"}, {Exit::usage, "the command line is wrong"}},
      },
  };
}

}  // namespace agp::cli
