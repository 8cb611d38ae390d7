#include "daemon/usage/record.h"

namespace agp::usage {

const char* name(Provider value) {
  switch (value) {
    case Provider::google:
      return "google";
    case Provider::anthropic:
      return "anthropic";
    case Provider::openai:
      return "openai";
    case Provider::azure:
      return "azure";
  }
  return "";
}

const char* name(Api value) {
  switch (value) {
    case Api::code_assist:
      return "code_assist";
    case Api::generativelanguage:
      return "generativelanguage";
    case Api::vertex:
      return "vertex";
    case Api::messages:
      return "messages";
    case Api::chat_completions:
      return "chat_completions";
    case Api::responses:
      return "responses";
  }
  return "";
}

const char* name(Outcome value) {
  switch (value) {
    case Outcome::ok:
      return "ok";
    case Outcome::partial:
      return "partial";
    case Outcome::error:
      return "error";
  }
  return "";
}

const char* name(Finish value) {
  switch (value) {
    case Finish::stop:
      return "stop";
    case Finish::length:
      return "length";
    case Finish::tool_use:
      return "tool_use";
    case Finish::content_filter:
      return "content_filter";
    case Finish::pause:
      return "pause";
    case Finish::other:
      return "other";
    case Finish::error:
      return "error";
    case Finish::cancelled:
      return "cancelled";
  }
  return "";
}

const char* name(UsageState value) {
  switch (value) {
    case UsageState::final:
      return "final";
    case UsageState::provisional:
      return "provisional";
    case UsageState::none:
      return "none";
  }
  return "";
}

const char* name(CascadeSource value) {
  switch (value) {
    case CascadeSource::exact:
      return "exact";
    case CascadeSource::inferred:
      return "inferred";
    case CascadeSource::none:
      return "none";
  }
  return "";
}

const char* name(RequestKind value) {
  switch (value) {
    case RequestKind::agent:
      return "agent";
    case RequestKind::checkpoint:
      return "checkpoint";
    case RequestKind::tab:
      return "tab";
    case RequestKind::web_search:
      return "web_search";
    case RequestKind::other:
      return "other";
  }
  return "";
}

const char* name(Closer value) {
  switch (value) {
    case Closer::client:
      return "client";
    case Closer::upstream:
      return "upstream";
  }
  return "";
}

const char* name(ModelSource value) {
  switch (value) {
    case ModelSource::response:
      return "response";
    case ModelSource::url:
      return "url";
    case ModelSource::request:
      return "request";
  }
  return "";
}

}  // namespace agp::usage
