#include "cli/grammar.h"

namespace agp::cli {

std::vector<Verb> usage_verbs() {
  return {
      {
          .name = "usage",
          .about = "tokens used, per model or otherwise grouped",
          .details =
              "As measured on the wire. A number that was not seen is shown as \"unknown\", never "
              "as 0; a call without a known price is \"unpriced\", "
              "never $0.\n"
              "Est. $ is what the calls would cost at list prices, whatever a subscription bills.\n"
              "With --json it is the document of GET /v1/usage.",
          .arguments = {{"PERIOD", Kind::period, Occurs::maybe,
                         "today; yesterday; week and month: the last 7 and 30 days; session: "
                         "since the service started"}},
          .options = {{"--by", "LIST", Kind::keys,
                       "comma list of model, provider, host, day, hour, cascade, kind, uid "
                       "(default: model)",
                       "--group-by"},
                      {"--csv", "", Kind::text,
                       "the groups as CSV (RFC 4180); an unknown number is an empty field"}},
          .exits = service_exits(),
          .examples = {"antigravity-proxy usage today",
                       "antigravity-proxy usage week --by day,model"},
          .is_filtered = true,
      },
      {
          .name = "records",
          .about = "single calls, newest first",
          .details = ""
                     "With --json it is the document of GET /v1/usage/records.",
          .options = {{"--limit", "NUMBER", Kind::text,
                       "how many, 1 to 1000 (default: 20; with --json 100)"},
                      {"--cursor", "TEXT", Kind::text,
                       "go on after a page, with the cursor that it ended with"}},
          .exits = service_exits(),
          .examples = {"antigravity-proxy records --since today --model gemini-3-flash"},
          .is_filtered = true,
      },
      {
          .name = "export",
          .about = "all records as CSV, JSON or NDJSON",
          .details =
              "Those that are kept singly, oldest first, in constant memory.\n"
              "csv is RFC 4180: an unknown number is an empty field, and a text that a spreadsheet "
              "could take for a formula begins with an apostrophe. json is one document, ndjson "
              "one record per line. With --output, --json says how many records were written.\n"
              "Schemas of the JSON forms are in /usr/share/antigravity-proxy/schemas.",
          .options = {{"--format", "NAME", Kind::format, "csv, json or ndjson; needed"},
                      {"--output", "FILE", Kind::file,
                       "write to FILE, which is replaced when all is written (default: standard "
                       "output)"}},
          .exits = service_exits({{Exit::failed, "failed; what was written is not whole"}}),
          .examples = {"antigravity-proxy export --format csv --since -30d --output usage.csv"},
          .is_filtered = true,
      },
      {
          .name = "monitor",
          .about = "records as they come, one JSON document a line",
          .details =
              "Shows the calls that end from now on, with and without --json as NDJSON. After a "
              "restart of the service it goes on where it was; when the service has not come back "
              "after a minute it ends. SIGINT, SIGTERM and a reader that has gone end it with 0.",
          .exits = service_exits({{Exit::ok, "it was ended, or nobody reads any more"},
                                  {Exit::failed, "failed, or too many streams are open"}}),
          .examples = {"antigravity-proxy monitor | jq .usage.total"},
      },
      {
          .name = "quota",
          .about = "what is left of your quota, per model and window",
          .details = "Of the login that the language server uses; pools where the language server "
                     "names them. A "
                     "share that is not known is shown as \"unknown\", never as 100 %.\n"
                     "AT THIS RATE says when it will be empty, in local time, or that it lasts "
                     "until its reset; it is not there while there is too little to go by.\n"
                     "With --json it is the document of GET /v1/quota.",
          .exits = service_exits(
              {{Exit::failed, "nothing to show, or nothing but what was read earlier"},
               {Exit::refused, "the login is that of another user"}}),
      },
      {
          .name = "guard",
          .about = "for scripts: whether enough of your quota is left",
          .details =
              "Looks at every model and every pool and window, or at the one that is named. A "
              "share "
              "that is not known is never enough, unless --unknown-ok is given; nor is one that "
              "was read earlier and cannot be read now.",
          .options = {{"--min-remaining", "SHARE", Kind::text, "20% or 0.2; needed"},
                      {"--model", "NAME", Kind::model, "only this model"},
                      {"--pool", "NAME", Kind::pool, "only this pool"},
                      {"--unknown-ok", "", Kind::text, "let pass what is not known"}},
          .exits = service_exits(
              {{Exit::ok, "enough is left"},
               {Exit::failed, "less is left; which, and until when, is printed"},
               {Exit::data, "it is not known how much is left, or a value is wrong"}}),
          .examples = {"antigravity-proxy guard --min-remaining 20% && ./long-job"},
      },
      {
          .name = "why",
          .about = "what your quota went on: its falls, and the calls of that time",
          .details =
              "How far each quota of your login fell, when, and which calls were measured "
              "meanwhile: their tokens by model, kind and conversation, those with the most tokens "
              "first. It says what it cannot know, such as what was used on another device.\n"
              "With --json it is the document of GET /v1/why.",
          .options = {{"--window", "TIME", Kind::text,
                       "up to now: 5h, 90m, 2d; a minute to seven days (default: 5h)"}},
          .exits = service_exits(),
          .examples = {"antigravity-proxy why --window 24h"},
      },
      {
          .name = "models",
          .about = "the models that your language server offers",
          .details = "They have the name that requests give.\n"
                     "With --json it is the document of GET /v1/models.",
          .exits = service_exits({{Exit::failed,
                                   "the language server cannot be asked; what is shown was read "
                                   "earlier, or is a list of known names"},
                                  {Exit::refused, "the login is that of another user"}}),
      },
      {
          .name = "sessions",
          .about = "the language servers of your IDEs, and which is used",
          .details = "Those that are running, and why the others are not used. Root and the group "
                     "antigravity-proxy see those of all "
                     "users.\n"
                     "With --json it is the document of GET /v1/sessions.",
          .exits = service_exits(),
      },
      {
          .name = "top",
          .about = "live view: models, tokens a second, quota, last calls",
          .details =
              "Of today, in your time zone, on the whole terminal. q ends it, p holds it, the "
              "arrows scroll the models. It says in words what it shows in colours.\n"
              "With --json it is one document of what it would show, without the last calls.",
          .options = {{"--interval", "SECONDS", Kind::text,
                       "how often the service is asked, 1 to 60 (default: 2)"}},
          .exits = service_exits({{Exit::usage,
                                   "the command line is wrong, or there is no "
                                   "terminal"}}),
      },
      {
          .name = "replay",
          .about = "reads recorded exchanges and shows the records they make",
          .details = "Offline, with the same code that reads live ones. The records are a JSON "
                     "array of antigravity-proxy.record.v1. It has that form with "
                     "and without --json.",
          .arguments =
              {{"FILE", Kind::file, Occurs::many,
                "a HAR 1.2 document, or one raw HTTP/1.1 response, with its request before "
                "it or in a file of its own, or named by its URL; or what curl -i wrote; "
                "or with --url a body alone. \"-\" is standard input"}},
          .options = {{"--request", "FILE", Kind::file,
                       "the raw request that the response answers"},
                      {"--url", "URL", Kind::text,
                       "where the response came from: https://HOST/PATH"},
                      {"--host", "NAME", Kind::host, "the same in two parts, with --path"},
                      {"--path", "PATH", Kind::text, "the same in two parts, with --host"}},
          .exits =
              {{Exit::ok, "all was read"},
               {Exit::usage, "the command line is wrong"},
               {Exit::data,
                "something was not read, and standard error says what; the records of the rest "
                "are shown all the same"}},
          .examples = {"antigravity-proxy replay session.har",
                       "curl -sNi https://api.openai.com/v1/responses ... > answer.txt",
                       "antigravity-proxy replay --url https://api.openai.com/v1/responses "
                       "answer.txt"},
      },
  };
}

}  // namespace agp::cli
