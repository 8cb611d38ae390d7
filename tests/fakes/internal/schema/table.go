package schema

// Appendix A of ls-protocol, as far as the doubles send or read it. JSON spells names in camel case.
// Where the reference has a type but no number (the user tier) the number is our own.
const commonTable = `
Timestamp: seconds=1:int64 nanos=2:int32
Duration: seconds=1:int64 nanos=2:int32
Times: seconds=1:int64 nanos=2:int32
Empty:
Metadata: ideName=1 extensionVersion=2 apiKey=3 locale=4 os=5 disableTelemetry=6:bool ideVersion=7 hardware=8 sessionId=10 extensionName=12 lsTimestamp=16:Timestamp extensionPath=17 userTags=18* deviceFingerprint=24 triggerId=25 id=27 userTierId=29 regionCode=30
TextOrScopeItem: text=1 item=2:Empty
ModelOrAlias: model=1:Model alias=2:ModelAlias
QuotaInfo: remainingFraction=1:float resetTime=2:Timestamp
ClientModelConfig: label=1 modelOrAlias=2:ModelOrAlias creditMultiplier=3:float disabled=4:bool supportsImages=5:bool isPremium=7:bool isBeta=9:bool provider=10:ModelProvider isRecommended=11:bool description=14 quotaInfo=15:QuotaInfo tagTitle=16
ClientModelGroup: groupName=1 modelLabels=2*
ClientModelSort: name=1 groups=2*:ClientModelGroup
CascadeModelConfigData: clientModelConfigs=1*:ClientModelConfig clientModelSorts=2*:ClientModelSort defaultOverrideModelConfig=3:ClientModelConfig
PlanInfo: teamsTier=1:int32 planName=2 monthlyPromptCredits=12:int32 monthlyFlowCredits=13:int32 browserEnabled=31:bool
PlanStatus: planInfo=1:PlanInfo planStart=2:Timestamp planEnd=3:Timestamp availableFlexCredits=4:int32 usedFlowCredits=5:int32 usedPromptCredits=6:int32 usedFlexCredits=7:int32 availablePromptCredits=8:int32 availableFlowCredits=9:int32
UserTier: id=1 name=2
UserStatus: pro=1:bool name=3 teamId=5 email=7 planInfo=12:PlanInfo planStatus=13:PlanStatus userUsedPromptCredits=28:int64 userUsedFlowCredits=29:int64 hasUsedAntigravity=31:bool cascadeModelConfigData=33:CascadeModelConfigData acceptedLatestTermsOfService=34:bool userTier=36:UserTier
ModelUsageStats: model=1:Model inputTokens=2:uint64 outputTokens=3:uint64 cacheWriteTokens=4:uint64 cacheReadTokens=5:uint64 apiProvider=6:APIProvider messageId=7 responseHeader=8{} thinkingOutputTokens=9:uint64 responseOutputTokens=10:uint64 responseId=11 providerAssignedMessageId=12
ChatToolCall: id=1 name=2 argumentsJson=3 thinkingSignature=7:bytes
Media: mimeType=1 inlineData=2:bytes description=4 uri=5
UserSettings: detectAndUseProxy=34:DetectAndUseProxy
`

const stepTable = `
ParentReference: trajectoryId=1 stepIndex=2:uint32 trajectoryType=3:TrajectoryType stepType=4:StepType referenceType=5:ReferenceType
Workspace: workspaceFolderAbsoluteUri=1 gitRootAbsoluteUri=2 branchName=4
TrajectoryMetadata: workspaces=1*:Workspace createdAt=2:Timestamp
Trajectory: trajectoryId=1 steps=2*:Step generatorMetadata=3*:GeneratorMetadata trajectoryType=4:TrajectoryType parentReferences=5*:ParentReference cascadeId=6 metadata=7:TrajectoryMetadata source=8:TrajectorySource executorMetadatas=9*:ExecutorMetadata
Step: type=1:StepType status=4:StepStatus metadata=5:StepMetadata userInput=19:UserInput plannerResponse=20:PlannerResponse errorMessage=24:ErrorMessage runCommand=28:RunCommand checkpoint=30:Checkpoint error=31:ErrorDetails requestedInteraction=56:RequestedInteraction notifyUser=94:NotifyUser ephemeralMessage=103:Content conversationHistory=111:Content systemMessage=114:SystemMessage generic=140:Generic invokeSubagent=143:InvokeSubagent
StepSourceInfo: trajectoryId=1 stepIndex=2:uint32 metadataIndex=3:uint32 cascadeId=4
RetryInfo: sherlogLink=1 usage=2:ModelUsageStats error=3 traceId=4 retryReason=5
StepMetadata: createdAt=1:Timestamp source=3:StepSource toolCall=4:ChatToolCall viewableAt=6:Timestamp finishedGeneratingAt=7:Timestamp completedAt=8:Timestamp modelUsage=9:ModelUsageStats generatorModel=11:Model executionId=12 requestedModel=13:ModelOrAlias sourceTrajectoryStepInfo=20:StepSourceInfo retryInfos=28*:RetryInfo

UserInput: userResponse=2 items=3*:TextOrScopeItem isQueuedMessage=6:bool clientType=8:ClientType media=9*:Media userConfig=12:CascadeConfig
PlannerResponse: response=1 thinking=3 thinkingRedacted=5:bool messageId=6 toolCalls=7*:ChatToolCall modifiedResponse=8 thinkingDuration=11:Duration stopReason=12:StopReason thinkingSignature=14:bytes providerAssignedMessageId=15
ErrorDetails: userErrorMessage=1 shortError=2 fullError=3 isBenign=4:bool details=5 errorId=6 errorCode=7:uint32 modelErrorMessage=9
ErrorMessage: error=3:ErrorDetails shouldShowModel=4:bool shouldShowUser=5:bool
CommandOutput: full=1
RunCommand: cwd=2 exitCode=6?:int32 blocking=11:bool commandId=13 userRejected=14:bool shouldAutoRun=15:bool terminalId=18 combinedOutput=21:CommandOutput commandLine=23 proposedCommandLine=25
Checkpoint: checkpointIndex=1:uint32 userIntent=4 sessionSummary=5 intentOnly=9:bool conversationTitle=10
NotifyUser: reviewAbsoluteUris=1* notificationContent=2 isBlocking=3:bool
Content: content=1
SystemMessage: message=1
Generic: name=- question=- options=-*
InvokeSubagent: subagentName=1 prompt=2 result=3 resumedConversationId=4 conversationId=5 background=6:bool
FilePermissionRequest: absolutePathUri=1 isDirectory=2:bool blockReason=3:BlockReason
RequestedInteraction: runCommand=3:Empty openBrowserUrl=4:Empty filePermission=19:FilePermissionRequest elicitation=20:Empty askQuestion=-:Empty permission=-:Empty
ChatModel: systemPrompt=1 model=3:Model usage=4:ModelUsageStats timeToFirstToken=11:Duration streamingDuration=12:Duration retries=14:int32 retryInfos=17*:RetryInfo responseModel=19
GeneratorMetadata: chatModel=1:ChatModel stepIndices=2*:uint32 executionId=4 error=5
ExecutorMetadata: terminationReason=1:Termination numGeneratorInvocations=2:int32 lastStepIdx=3:int32 executionId=9
AutoCommandConfig: autoExecutionPolicy=6:AutoExecution
RunCommandToolConfig: forceDisable=2:bool autoCommandConfig=3:AutoCommandConfig
ToolConfig: runCommand=8:RunCommandToolConfig
Conversational: plannerMode=4:PlannerMode agenticMode=14:bool
PlannerConfig: planModel=1:Model conversational=2:Conversational maxOutputTokens=6:int32 toolConfig=13:ToolConfig requestedModel=15:ModelOrAlias modelName=28
CascadeConfig: plannerConfig=1:PlannerConfig
`

const serviceTable = `
MetadataRequest: metadata=1:Metadata
HeartbeatResponse: lastExtensionHeartbeat=1:Timestamp
GetUserStatusResponse: userStatus=1:UserStatus planInfo=2:PlanInfo
GetCommandModelConfigsResponse: clientModelConfigs=1*:ClientModelConfig
UnleashContext: userId=1 sessionId=2 properties=3{}
GetUnleashDataRequest: metadata=1:Metadata properties=2{}
GetUnleashDataResponse: context=1:UnleashContext experimentConfig=2:Empty
ModelStatusInfo: model=1:Model message=2 status=3:int32
GetModelStatusesResponse: modelStatusInfos=1*:ModelStatusInfo
BaseTrajectory: cascadeId=1 trajectory=4:Trajectory
StartCascadeRequest: metadata=1:Metadata baseTrajectoryIdentifier=3:BaseTrajectory source=4:TrajectorySource trajectoryType=5:TrajectoryType cascadeId=7
StartCascadeResponse: cascadeId=1
SendUserCascadeMessageRequest: cascadeId=1 items=2*:TextOrScopeItem metadata=3:Metadata cascadeConfig=5:CascadeConfig blocking=8:bool clientType=11:ClientType media=14*:Media propagateError=16:bool messageOrigin=18:MessageOrigin
SendUserCascadeMessageResponse: queued=1:bool
SendAllQueuedMessagesRequest: metadata=1:Metadata cascadeId=2 cascadeConfig=3:CascadeConfig
CascadeRequest: cascadeId=1
GetCascadeTrajectoryRequest: cascadeId=1 verbosity=2:Verbosity
GetCascadeTrajectoryResponse: trajectory=1:Trajectory status=2:RunStatus numTotalSteps=3:uint32 numTotalGeneratorMetadata=4:uint32 fullyIdle=-:bool
GetCascadeTrajectoryStepsRequest: cascadeId=1 stepOffset=2:uint32 verbosity=3:Verbosity
GetCascadeTrajectoryStepsResponse: steps=1*:Step
GetCascadeTrajectoryGeneratorMetadataRequest: cascadeId=1 generatorMetadataOffset=2:uint32 includeMessages=3:bool
GetCascadeTrajectoryGeneratorMetadataResponse: generatorMetadata=1*:GeneratorMetadata
WaitingStep: step=1:Step stepIndex=2:uint32
Annotations: title=1 tags=3* archived=4:bool starred=6:bool lastUserViewTime=7:Timestamp
TrajectorySummary: summary=1 stepCount=2:uint32 lastModifiedTime=3:Timestamp trajectoryId=4 status=5:RunStatus createdTime=7:Timestamp waitingSteps=8*:WaitingStep workspaces=9*:Workspace lastUserInputTime=10:Timestamp annotations=15:Annotations lastUserInputStepIndex=16:uint32
GetAllCascadeTrajectoriesResponse: trajectorySummaries=1{}:TrajectorySummary
RevertToCascadeStepRequest: cascadeId=1 stepIndex=2:uint32 metadata=3:Metadata
UpdateConversationAnnotationsRequest: cascadeId=1 annotations=2:Annotations mergeAnnotations=3:bool
ConversationRequest: conversationId=1
GetModelResponseRequest: prompt=1 model=2:Model
GetModelResponseResponse: response=1
InitializeCascadePanelStateRequest: metadata=1:Metadata userStatus=2:UserStatus
UserSettingsMessage: userSettings=1:UserSettings
AddTrackedWorkspaceRequest: workspace=1 doNotWatchFiles=2:bool isPassiveWorkspace=3:bool
SetWorkingDirectoriesRequest: directoryUris=1*
WorkspaceInfo: workspaceUri=1 gitRootUri=2
GetWorkspaceInfosResponse: homeDirPath=1 workspaceInfos=2*:WorkspaceInfo homeDirUri=3
ReconnectExtensionServerRequest: extensionServerPort=1:int32 extensionServerCsrfToken=2
RunCommandInteraction: confirm=1:bool proposedCommandLine=2 submittedCommandLine=3
FilePermissionInteraction: allow=1:bool scope=2:PermissionScope absolutePathUri=3
ConfirmInteraction: confirm=1:bool
ElicitationInteraction: action=1:int32 contentJson=2
Interaction: trajectoryId=1 stepIndex=2:uint32 deploy=4:ConfirmInteraction runCommand=5:RunCommandInteraction openBrowserUrl=6:ConfirmInteraction runExtensionCode=7:ConfirmInteraction executeBrowserJavascript=8:ConfirmInteraction captureBrowserScreenshot=9:ConfirmInteraction clickBrowserPixel=10:ConfirmInteraction browserAction=13:ConfirmInteraction openBrowserSetup=14:ConfirmInteraction confirmBrowserSetup=15:ConfirmInteraction sendCommandInput=16:ConfirmInteraction readUrlContent=17:ConfirmInteraction mcp=18:ConfirmInteraction filePermission=19:FilePermissionInteraction elicitation=20:ElicitationInteraction
HandleCascadeUserInteractionRequest: cascadeId=1 interaction=2:Interaction
StreamAgentStateUpdatesRequest: conversationId=1 subscriberId=2
StreamAgentStateUpdatesResponse: update=1:AgentStateUpdate
AgentStateUpdate: conversationId=1 trajectoryId=2 status=3:RunStatus executableStatus=4:RunStatus executorLoopStatus=5:RunStatus executorMetadata=6:ExecutorMetadata mainTrajectoryUpdate=7:TrajectoryUpdate subtrajectoryUpdates=8{}:TrajectoryUpdate queuedStepsUpdate=9:QueuedStepsUpdate fullyIdle=-:bool
TrajectoryUpdate: stepsUpdate=1:StepsUpdate generatorMetadatasUpdate=2:GeneratorMetadatasUpdate executorMetadatasUpdate=3:ExecutorMetadatasUpdate
StepsUpdate: indices=1*:uint32 steps=2*:Step totalLength=3:uint32
GeneratorMetadatasUpdate: indices=1*:uint32 generatorMetadatas=2*:GeneratorMetadata totalLength=3:uint32
ExecutorMetadatasUpdate: indices=1*:uint32 executorMetadatas=2*:ExecutorMetadata totalLength=3:uint32
QueuedStepsUpdate: indices=1*:uint32 queuedSteps=2*:Step totalLength=3:uint32
CascadeState: cascadeId=1 trajectory=2:Trajectory status=3:RunStatus executorMetadata=4:ExecutorMetadata queuedSteps=5*:Step executableStatus=7:RunStatus executorLoopStatus=8:RunStatus
CascadeTrajectorySummaries: summaries=1{}:TrajectorySummary
StreamReactiveUpdatesRequest: protocolVersion=1:uint32 id=2 subscriberId=3
StreamReactiveUpdatesResponse: version=1:uint64 diff=2:MessageDiff
MessageDiff: fieldDiffs=1*:FieldDiff
FieldDiff: fieldNumber=1:uint32 updateSingular=2:SingularValue updateRepeated=3:RepeatedDiff updateMap=4:MapDiff clear=5:bool
RepeatedDiff: newLength=1:uint32 updateValues=2*:SingularValue updateIndices=3*:uint32
MapDiff: mapKeyDiffs=1*:MapKeyDiff
MapKeyDiff: mapKey=1:SingularValue updateSingular=2:SingularValue clear=3:bool
SingularValue: doubleValue=1?:double floatValue=2?:float int32Value=3?:int32 int64Value=4?:int64 uint32Value=5?:uint32 uint64Value=6?:uint64 sint32Value=7?:int32 sint64Value=8?:int64 fixed32Value=9?:uint32 fixed64Value=10?:uint64 sfixed32Value=11?:int32 sfixed64Value=12?:int64 boolValue=13?:bool enumValue=14?:uint32 stringValue=15? bytesValue=16?:bytes messageValue=17:MessageDiff
`
