package ls

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

type unary func(ctx context.Context, body []byte) (object, error)

// method is a unary one with its messages; without names nobody documents the numbers, and only JSON
// is spoken.
type method struct {
	call    unary
	in, out string
}

func nothing(context.Context, []byte) (object, error) { return object{}, nil }

// table is what this server can do; the knobs and the era decide what is there.
func (s *Server) table() map[string]method {
	out := map[string]method{
		"Heartbeat":                             {s.heartbeat, "MetadataRequest", "HeartbeatResponse"},
		"GetStatus":                             {nothing, "MetadataRequest", "Empty"},
		"GetUnleashData":                        {s.getUnleashData, "GetUnleashDataRequest", "GetUnleashDataResponse"},
		"GetUserStatus":                         {s.getUserStatus, "MetadataRequest", "GetUserStatusResponse"},
		"GetCommandModelConfigs":                {s.getCommandModelConfigs, "MetadataRequest", "GetCommandModelConfigsResponse"},
		"GetCascadeModelConfigs":                {s.getCommandModelConfigs, "MetadataRequest", "GetCommandModelConfigsResponse"},
		"GetCascadeModelConfigData":             {s.getModelConfigs, "Empty", "CascadeModelConfigData"},
		"GetModelStatuses":                      {s.getModelStatuses, "Empty", "GetModelStatusesResponse"},
		"GetUserMemories":                       {nothing, "Empty", "Empty"},
		"GetModelResponse":                      {s.getModelResponse, "GetModelResponseRequest", "GetModelResponseResponse"},
		"StartCascade":                          {s.startCascade, "StartCascadeRequest", "StartCascadeResponse"},
		"SendUserCascadeMessage":                {s.sendMessage, "SendUserCascadeMessageRequest", "SendUserCascadeMessageResponse"},
		"SendAllQueuedMessages":                 {s.sendAllQueued, "SendAllQueuedMessagesRequest", "Empty"},
		"DeleteQueuedUserInputStep":             {s.deleteQueued, "CascadeRequest", "Empty"},
		"GetCascadeTrajectory":                  {s.getTrajectory, "GetCascadeTrajectoryRequest", "GetCascadeTrajectoryResponse"},
		"GetCascadeTrajectorySteps":             {s.getSteps, "GetCascadeTrajectoryStepsRequest", "GetCascadeTrajectoryStepsResponse"},
		"GetCascadeTrajectoryGeneratorMetadata": {s.getGeneratorMetadata, "GetCascadeTrajectoryGeneratorMetadataRequest", "GetCascadeTrajectoryGeneratorMetadataResponse"},
		"GetAllCascadeTrajectories":             {s.getAll, "Empty", "GetAllCascadeTrajectoriesResponse"},
		"LoadTrajectory":                        {s.loadTrajectory, "CascadeRequest", "Empty"},
		"CancelCascadeInvocation":               {s.cancel, "CascadeRequest", "Empty"},
		"HandleCascadeUserInteraction":          {s.interact, "HandleCascadeUserInteractionRequest", "Empty"},
		"ResolveOutstandingSteps":               {s.resolve, "CascadeRequest", "Empty"},
		"AcknowledgeCodeActionStep":             {nothing, "CascadeRequest", "Empty"},
		"AcknowledgeCascadeCodeEdit":            {nothing, "CascadeRequest", "Empty"},
		"RevertToCascadeStep":                   {s.revert, "RevertToCascadeStepRequest", "Empty"},
		"DeleteCascadeTrajectory":               {s.deleteTrajectory, "CascadeRequest", "Empty"},
		"UpdateConversationAnnotations":         {s.annotate, "UpdateConversationAnnotationsRequest", "Empty"},
		"SignalExecutableIdle":                  {nothing, "ConversationRequest", "Empty"},
		"AddTrackedWorkspace":                   {s.addTrackedWorkspace, "AddTrackedWorkspaceRequest", "Empty"},
		"SetWorkingDirectories":                 {s.setWorkingDirectories, "SetWorkingDirectoriesRequest", "Empty"},
		"GetWorkspaceInfos":                     {s.getWorkspaceInfos, "Empty", "GetWorkspaceInfosResponse"},
		"Exit":                                  {s.exitSoon, "Empty", "Empty"},
		"InitializeCascadePanelState":           {nothing, "InitializeCascadePanelStateRequest", "Empty"},
		"SetUserSettings":                       {s.setUserSettings, "UserSettingsMessage", "Empty"},
		"GetUserSettings":                       {s.getUserSettings, "Empty", "UserSettingsMessage"},
	}
	if s.knobs.PanelState == "501" { // U14
		out["InitializeCascadePanelState"] = method{unimplemented, "InitializeCascadePanelStateRequest", "Empty"}
	}
	if s.knobs.UserSettings == "501" { // U15
		out["SetUserSettings"] = method{unimplemented, "UserSettingsMessage", "Empty"}
		out["GetUserSettings"] = method{unimplemented, "Empty", "UserSettingsMessage"}
	}
	if s.knobs.Era != "e1" {
		out["ReconnectExtensionServer"] = method{s.reconnect, "ReconnectExtensionServerRequest", "Empty"}
	}
	if s.knobs.Era == "e3" {
		out["WaitForConversationFullyIdle"] = method{call: s.waitFullyIdle}
		out["GetAvailableModels"] = method{call: s.getAvailableModels}
		out["SetCloudCodeURL"] = method{call: s.setCloudCodeURL}
	}
	if s.hasQuotaSummary() {
		out["RetrieveUserQuotaSummary"] = method{call: s.retrieveUserQuotaSummary}
	}
	return out
}

func unimplemented(context.Context, []byte) (object, error) {
	return nil, refuse(501, "unimplemented", "unimplemented")
}

func (s *Server) heartbeat(context.Context, []byte) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = time.Now()
	return object{"lastExtensionHeartbeat": stamp(s.beat)}, nil
}

// mourn ends the server when nobody sends heartbeats any more (U30).
func (s *Server) mourn(ctx context.Context) {
	limit := millis(s.knobs.HeartbeatExitMS)
	for {
		s.mu.Lock()
		left := limit - time.Since(s.beat)
		s.mu.Unlock()
		if left <= 0 {
			s.logf("server.go:930", "No heartbeat for %v, exiting", limit)
			s.exit <- 0
			return
		}
		pause(ctx, left)
		if ctx.Err() != nil {
			return
		}
	}
}

func (s *Server) getUnleashData(context.Context, []byte) (object, error) {
	return object{"context": object{"sessionId": s.session, "properties": object{}}, "experimentConfig": object{}}, nil
}

func (s *Server) exitSoon(context.Context, []byte) (object, error) {
	time.AfterFunc(50*time.Millisecond, func() { s.exit <- 0 })
	return object{}, nil
}

func (s *Server) setUserSettings(_ context.Context, body []byte) (object, error) {
	var req struct{ UserSettings object }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = req.UserSettings
	return object{}, nil
}

func (s *Server) getUserSettings(context.Context, []byte) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings == nil {
		return object{}, nil
	}
	return object{"userSettings": s.settings}, nil
}

// setCloudCodeURL changes where the model calls go; the key is our guess, no source shows the body.
func (s *Server) setCloudCodeURL(_ context.Context, body []byte) (object, error) {
	var req struct{ URL, CloudCodeURL string }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.URL == "" {
		req.URL = req.CloudCodeURL
	}
	if !strings.HasPrefix(req.URL, "http") {
		return nil, refuse(400, "invalid_argument", "no URL: %q", req.URL)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoint = req.URL
	return object{}, nil
}

// ---- workspaces ------------------------------------------------------------------------------

func (s *Server) addTrackedWorkspace(_ context.Context, body []byte) (object, error) {
	var req struct{ Workspace string }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(req.Workspace) {
		return nil, refuse(400, "invalid_argument", "workspace %q is not an absolute path", req.Workspace)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workspaces = append(s.workspaces, req.Workspace)
	return object{}, nil
}

func (s *Server) setWorkingDirectories(_ context.Context, body []byte) (object, error) {
	if s.knobs.Era == "e1" { // as ever: whatever it is
		return object{}, nil
	}
	var req struct{ DirectoryUris []string }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	for _, uri := range req.DirectoryUris {
		if !strings.HasPrefix(uri, "file:///") {
			return nil, refuse(400, "invalid_argument", "%q is no file URI", uri)
		}
	}
	return object{}, nil
}

func (s *Server) getWorkspaceInfos(context.Context, []byte) (object, error) {
	out := object{"homeDirPath": s.home, "homeDirUri": "file://" + s.home}
	var infos []object
	for _, uri := range s.folders() {
		infos = append(infos, object{"workspaceUri": uri})
	}
	if infos != nil {
		out["workspaceInfos"] = infos
	}
	return out, nil
}

func (s *Server) folders() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, w := range s.workspaces {
		out = append(out, "file://"+w)
	}
	return out
}

// page is what the hub's own window loads; it carries the token.
func (s *Server) page(w http.ResponseWriter) {
	config, _ := json.Marshal(map[string]string{"csrfToken": s.flags.CSRF})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html>\n<title>Antigravity</title>\n<script>window.__APP_CONFIG__ = %s;</script>\n", config)
}
