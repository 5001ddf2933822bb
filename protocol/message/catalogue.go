package message

// Body is the second element of a payload: one message. It is always a pointer
// to one of the structs of this package, so that a type switch on
// *GetVariable cannot miss a GetVariable.
type Body interface {
	// MessageType is the value of the key "type".
	MessageType() string
}

// requests are the messages from a runner to its supervisor, sorted by name.
var requests = registry{
	{body: (*AwaitInputTask)(nil)},
	{body: (*ClearAssetStateStoreByName)(nil)},
	{body: (*ClearAssetStateStoreByUri)(nil)},
	{body: (*ClearTaskStateStore)(nil)},
	{body: (*CreateHITLDetailPayload)(nil)},
	{body: (*DeferTask)(nil)},
	{body: (*DeleteAssetStateStoreByName)(nil)},
	{body: (*DeleteAssetStateStoreByUri)(nil)},
	{body: (*DeleteTaskStateStore)(nil)},
	{body: (*DeleteVariable)(nil)},
	{body: (*DeleteXCom)(nil)},
	{body: (*GetAssetByName)(nil)},
	{body: (*GetAssetByUri)(nil)},
	{body: (*GetAssetEventByAsset)(nil)},
	{body: (*GetAssetEventByAssetAlias)(nil)},
	{body: (*GetAssetStateStoreByName)(nil)},
	{body: (*GetAssetStateStoreByUri)(nil)},
	{body: (*GetAssetsByAlias)(nil)},
	{body: (*GetConnection)(nil)},
	{body: (*GetDRCount)(nil)},
	{body: (*GetDag)(nil)},
	{body: (*GetDagRun)(nil)},
	{body: (*GetDagRunState)(nil)},
	{body: (*GetHITLDetailResponse)(nil)},
	{body: (*GetNumberXComs)(nil), until: "3.3"},
	{body: (*GetPrevSuccessfulDagRun)(nil)},
	{body: (*GetPreviousDagRun)(nil)},
	{body: (*GetPreviousTI)(nil)},
	{body: (*GetTICount)(nil)},
	{body: (*GetTaskBreadcrumbs)(nil)},
	{body: (*GetTaskRescheduleStartDate)(nil)},
	{body: (*GetTaskStateStore)(nil)},
	{body: (*GetTaskStates)(nil)},
	{body: (*GetVariable)(nil)},
	{body: (*GetVariableKeys)(nil)},
	{body: (*GetXCom)(nil)},
	{body: (*GetXComCount)(nil)},
	{body: (*GetXComSequenceItem)(nil)},
	{body: (*GetXComSequenceSlice)(nil)},
	{body: (*MaskSecret)(nil)},
	{body: (*PutVariable)(nil)},
	{body: (*RescheduleTask)(nil)},
	{body: (*ResendLoggingFD)(nil)},
	{body: (*RetryTask)(nil)},
	{body: (*SetAssetStateStoreByName)(nil)},
	{body: (*SetAssetStateStoreByUri)(nil)},
	{body: (*SetExecutionTimeout)(nil), since: "3.4"},
	{body: (*SetRenderedFields)(nil)},
	{body: (*SetRenderedMapIndex)(nil)},
	{body: (*SetTaskStateStore)(nil)},
	{body: (*SetXCom)(nil)},
	{body: (*SkipDownstreamTasks)(nil)},
	{body: (*SucceedTask)(nil)},
	{body: (*TaskState)(nil)},
	{body: (*TriggerDagRun)(nil)},
	{body: (*UpdateDagRunNote)(nil), since: "3.4"},
	{body: (*UpdateHITLDetail)(nil)},
	{body: (*ValidateInletsAndOutlets)(nil)},
}

// responses are the messages from a supervisor to its runner, sorted by name.
var responses = registry{
	{body: (*AssetEventsResult)(nil)},
	{body: (*AssetResult)(nil)},
	{body: (*AssetStateStoreResult)(nil)},
	{body: (*AssetsByAliasResult)(nil)},
	{body: (*ConnectionResult)(nil)},
	{body: (*CreateHITLDetailPayload)(nil)},
	{body: (*DRCount)(nil)},
	{body: (*DagResult)(nil)},
	{body: (*DagRunResult)(nil)},
	{body: (*DagRunStateResult)(nil)},
	{body: (*ErrorResponse)(nil)},
	{body: (*HITLDetailRequestResult)(nil)},
	{body: (*InactiveAssetsResult)(nil)},
	{body: (*OKResponse)(nil)},
	{body: (*PrevSuccessfulDagRunResult)(nil)},
	{body: (*PreviousDagRunResult)(nil)},
	{body: (*PreviousTIResult)(nil)},
	{body: (*SentFDs)(nil)},
	{body: (*StartupDetails)(nil)},
	{body: (*TICount)(nil)},
	{body: (*TaskBreadcrumbsResult)(nil)},
	{body: (*TaskRescheduleStartDate)(nil)},
	{body: (*TaskStateStoreResult)(nil)},
	{body: (*TaskStatesResult)(nil)},
	{body: (*VariableKeysResult)(nil)},
	{body: (*VariableResult)(nil)},
	{body: (*XComCountResponse)(nil)},
	{body: (*XComLengthResponse)(nil), until: "3.3"},
	{body: (*XComResult)(nil)},
	{body: (*XComSequenceIndexResult)(nil)},
	{body: (*XComSequenceSliceResult)(nil)},
}

// MessageType implements Body.
func (*TaskState) MessageType() string { return "TaskState" }

// MessageType implements Body.
func (*SucceedTask) MessageType() string { return "SucceedTask" }

// MessageType implements Body.
func (*RetryTask) MessageType() string { return "RetryTask" }

// MessageType implements Body.
func (*DeferTask) MessageType() string { return "DeferTask" }

// MessageType implements Body.
func (*AwaitInputTask) MessageType() string { return "AwaitInputTask" }

// MessageType implements Body.
func (*RescheduleTask) MessageType() string { return "RescheduleTask" }

// MessageType implements Body.
func (*SkipDownstreamTasks) MessageType() string { return "SkipDownstreamTasks" }

// MessageType implements Body.
func (*GetConnection) MessageType() string { return "GetConnection" }

// MessageType implements Body.
func (*GetVariable) MessageType() string { return "GetVariable" }

// MessageType implements Body.
func (*GetVariableKeys) MessageType() string { return "GetVariableKeys" }

// MessageType implements Body.
func (*PutVariable) MessageType() string { return "PutVariable" }

// MessageType implements Body.
func (*DeleteVariable) MessageType() string { return "DeleteVariable" }

// MessageType implements Body.
func (*GetXCom) MessageType() string { return "GetXCom" }

// MessageType implements Body.
func (*GetXComCount) MessageType() string { return "GetXComCount" }

// MessageType implements Body.
func (*GetNumberXComs) MessageType() string { return "GetNumberXComs" }

// MessageType implements Body.
func (*GetXComSequenceItem) MessageType() string { return "GetXComSequenceItem" }

// MessageType implements Body.
func (*GetXComSequenceSlice) MessageType() string { return "GetXComSequenceSlice" }

// MessageType implements Body.
func (*SetXCom) MessageType() string { return "SetXCom" }

// MessageType implements Body.
func (*DeleteXCom) MessageType() string { return "DeleteXCom" }

// MessageType implements Body.
func (*GetPrevSuccessfulDagRun) MessageType() string { return "GetPrevSuccessfulDagRun" }

// MessageType implements Body.
func (*GetPreviousDagRun) MessageType() string { return "GetPreviousDagRun" }

// MessageType implements Body.
func (*GetPreviousTI) MessageType() string { return "GetPreviousTI" }

// MessageType implements Body.
func (*GetDagRun) MessageType() string { return "GetDagRun" }

// MessageType implements Body.
func (*GetDagRunState) MessageType() string { return "GetDagRunState" }

// MessageType implements Body.
func (*GetDag) MessageType() string { return "GetDag" }

// MessageType implements Body.
func (*GetDRCount) MessageType() string { return "GetDRCount" }

// MessageType implements Body.
func (*GetTICount) MessageType() string { return "GetTICount" }

// MessageType implements Body.
func (*GetTaskStates) MessageType() string { return "GetTaskStates" }

// MessageType implements Body.
func (*GetTaskBreadcrumbs) MessageType() string { return "GetTaskBreadcrumbs" }

// MessageType implements Body.
func (*GetTaskRescheduleStartDate) MessageType() string { return "GetTaskRescheduleStartDate" }

// MessageType implements Body.
func (*TriggerDagRun) MessageType() string { return "TriggerDagRun" }

// MessageType implements Body.
func (*SetExecutionTimeout) MessageType() string { return "SetExecutionTimeout" }

// MessageType implements Body.
func (*UpdateDagRunNote) MessageType() string { return "UpdateDagRunNote" }

// MessageType implements Body.
func (*SetRenderedFields) MessageType() string { return "SetRenderedFields" }

// MessageType implements Body.
func (*SetRenderedMapIndex) MessageType() string { return "SetRenderedMapIndex" }

// MessageType implements Body.
func (*MaskSecret) MessageType() string { return "MaskSecret" }

// MessageType implements Body.
func (*ResendLoggingFD) MessageType() string { return "ResendLoggingFD" }

// MessageType implements Body.
func (*CreateHITLDetailPayload) MessageType() string { return "CreateHITLDetailPayload" }

// MessageType implements Body.
func (*UpdateHITLDetail) MessageType() string { return "UpdateHITLDetail" }

// MessageType implements Body.
func (*GetHITLDetailResponse) MessageType() string { return "GetHITLDetailResponse" }

// MessageType implements Body.
func (*GetTaskStateStore) MessageType() string { return "GetTaskStateStore" }

// MessageType implements Body.
func (*SetTaskStateStore) MessageType() string { return "SetTaskStateStore" }

// MessageType implements Body.
func (*DeleteTaskStateStore) MessageType() string { return "DeleteTaskStateStore" }

// MessageType implements Body.
func (*ClearTaskStateStore) MessageType() string { return "ClearTaskStateStore" }

// MessageType implements Body.
func (*GetAssetStateStoreByName) MessageType() string { return "GetAssetStateStoreByName" }

// MessageType implements Body.
func (*GetAssetStateStoreByUri) MessageType() string { return "GetAssetStateStoreByUri" }

// MessageType implements Body.
func (*SetAssetStateStoreByName) MessageType() string { return "SetAssetStateStoreByName" }

// MessageType implements Body.
func (*SetAssetStateStoreByUri) MessageType() string { return "SetAssetStateStoreByUri" }

// MessageType implements Body.
func (*DeleteAssetStateStoreByName) MessageType() string { return "DeleteAssetStateStoreByName" }

// MessageType implements Body.
func (*DeleteAssetStateStoreByUri) MessageType() string { return "DeleteAssetStateStoreByUri" }

// MessageType implements Body.
func (*ClearAssetStateStoreByName) MessageType() string { return "ClearAssetStateStoreByName" }

// MessageType implements Body.
func (*ClearAssetStateStoreByUri) MessageType() string { return "ClearAssetStateStoreByUri" }

// MessageType implements Body.
func (*GetAssetByName) MessageType() string { return "GetAssetByName" }

// MessageType implements Body.
func (*GetAssetByUri) MessageType() string { return "GetAssetByUri" }

// MessageType implements Body.
func (*GetAssetsByAlias) MessageType() string { return "GetAssetsByAlias" }

// MessageType implements Body.
func (*GetAssetEventByAsset) MessageType() string { return "GetAssetEventByAsset" }

// MessageType implements Body.
func (*GetAssetEventByAssetAlias) MessageType() string { return "GetAssetEventByAssetAlias" }

// MessageType implements Body.
func (*ValidateInletsAndOutlets) MessageType() string { return "ValidateInletsAndOutlets" }

// MessageType implements Body.
func (*StartupDetails) MessageType() string { return "StartupDetails" }

// MessageType implements Body.
func (*ConnectionResult) MessageType() string { return "ConnectionResult" }

// MessageType implements Body.
func (*VariableResult) MessageType() string { return "VariableResult" }

// MessageType implements Body.
func (*VariableKeysResult) MessageType() string { return "VariableKeysResult" }

// MessageType implements Body.
func (*XComResult) MessageType() string { return "XComResult" }

// MessageType implements Body.
func (*XComCountResponse) MessageType() string { return "XComCountResponse" }

// MessageType implements Body.
func (*XComLengthResponse) MessageType() string { return "XComLengthResponse" }

// MessageType implements Body.
func (*XComSequenceIndexResult) MessageType() string { return "XComSequenceIndexResult" }

// MessageType implements Body.
func (*XComSequenceSliceResult) MessageType() string { return "XComSequenceSliceResult" }

// MessageType implements Body.
func (*DagRunResult) MessageType() string { return "DagRunResult" }

// MessageType implements Body.
func (*DagRunStateResult) MessageType() string { return "DagRunStateResult" }

// MessageType implements Body.
func (*PreviousDagRunResult) MessageType() string { return "PreviousDagRunResult" }

// MessageType implements Body.
func (*PreviousTIResult) MessageType() string { return "PreviousTIResult" }

// MessageType implements Body.
func (*PrevSuccessfulDagRunResult) MessageType() string { return "PrevSuccessfulDagRunResult" }

// MessageType implements Body.
func (*DagResult) MessageType() string { return "DagResult" }

// MessageType implements Body.
func (*DRCount) MessageType() string { return "DRCount" }

// MessageType implements Body.
func (*TICount) MessageType() string { return "TICount" }

// MessageType implements Body.
func (*TaskStatesResult) MessageType() string { return "TaskStatesResult" }

// MessageType implements Body.
func (*TaskBreadcrumbsResult) MessageType() string { return "TaskBreadcrumbsResult" }

// MessageType implements Body.
func (*TaskRescheduleStartDate) MessageType() string { return "TaskRescheduleStartDate" }

// MessageType implements Body.
func (*HITLDetailRequestResult) MessageType() string { return "HITLDetailRequestResult" }

// MessageType implements Body.
func (*OKResponse) MessageType() string { return "OKResponse" }

// MessageType implements Body.
func (*SentFDs) MessageType() string { return "SentFDs" }

// MessageType implements Body.
func (*AssetResult) MessageType() string { return "AssetResult" }

// MessageType implements Body.
func (*AssetsByAliasResult) MessageType() string { return "AssetsByAliasResult" }

// MessageType implements Body.
func (*AssetEventsResult) MessageType() string { return "AssetEventsResult" }

// MessageType implements Body.
func (*AssetStateStoreResult) MessageType() string { return "AssetStateStoreResult" }

// MessageType implements Body.
func (*TaskStateStoreResult) MessageType() string { return "TaskStateStoreResult" }

// MessageType implements Body.
func (*InactiveAssetsResult) MessageType() string { return "InactiveAssetsResult" }

// MessageType implements Body.
func (*ErrorResponse) MessageType() string { return "ErrorResponse" }
