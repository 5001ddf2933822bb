package message

// StartupDetails is the first frame of a connection, which nobody asked for, and
// all that a runner learns before user code.
type StartupDetails struct {
	TI                TaskInstance `json:"ti"`
	DagRelPath        string       `json:"dag_rel_path"` // below the bundle's root
	BundleInfo        BundleInfo   `json:"bundle_info"`
	StartDate         Time         `json:"start_date"`
	TIContext         TIRunContext `json:"ti_context"`
	SentryIntegration string       `json:"sentry_integration" wire:"optional"` // "" is none; 3.0 and 3.1 have no such key
}

// TaskInstance names the task instance to run.
type TaskInstance struct {
	ID             string  `json:"id"` // UUID
	TaskID         string  `json:"task_id"`
	DagID          string  `json:"dag_id"`
	RunID          string  `json:"run_id"`
	TryNumber      int     `json:"try_number"`                     // from 1
	DagVersionID   string  `json:"dag_version_id" wire:"optional"` // UUID; 3.0 has no such key
	MapIndex       *int    `json:"map_index,omitempty"`            // absent: -1, not mapped
	Hostname       *string `json:"hostname,omitempty"`
	ContextCarrier Raw     `json:"context_carrier,omitzero" wire:"map"`
	Queue          *string `json:"queue,omitempty"`                 // absent: "default"
	RegionID       *string `json:"region_id,omitempty" since:"3.4"` // UUID of the loop or mapped group it is in
	RegionIndex    *int    `json:"region_index,omitempty" since:"3.4"`
}

// BundleInfo says where the Dag file comes from. A bundle without version is
// taken as it is at the moment.
type BundleInfo struct {
	Name        string  `json:"name"`
	Version     *string `json:"version,omitempty"`
	VersionData Raw     `json:"version_data,omitzero" wire:"map" since:"3.4"`
}

// TIRunContext is what the server answers when a task instance starts. Variables
// and connections in it can hold secrets.
type TIRunContext struct {
	DagRun              DagRun               `json:"dag_run"`
	TaskRescheduleCount int                  `json:"task_reschedule_count,omitzero"`
	MaxTries            int                  `json:"max_tries"`
	Variables           []VariableResponse   `json:"variables,omitzero"`
	Connections         []ConnectionResponse `json:"connections,omitzero"`
	NextMethod          *string              `json:"next_method,omitempty"`
	NextKwargs          Raw                  `json:"next_kwargs,omitzero"` // map or string
	XComKeysToClear     []string             `json:"xcom_keys_to_clear,omitzero"`
	ShouldRetry         bool                 `json:"should_retry,omitzero"`
	StartDate           *Time                `json:"start_date,omitempty"` // of a task that resumes
	ArgBindings         []ArgBinding         `json:"arg_bindings,omitzero" since:"3.4"`
	Loop                *LoopContext         `json:"loop,omitempty" since:"3.4"`
	MultiTeam           bool                 `json:"multi_team,omitzero" since:"3.4"`
	FirstRescheduleDate *Time                `json:"first_task_reschedule_start_date,omitempty" since:"3.4"`
}

// LoopContext tells a task inside a loop which iteration it is.
type LoopContext struct {
	NodeID           string `json:"node_id"`
	Index            int    `json:"index"`
	MaxIterations    int    `json:"max_iterations"`
	TerminalTaskID   string `json:"terminal_task_id"`
	TerminalIsMapped bool   `json:"terminal_is_mapped"`
}

// ArgBinding gives one argument of a task that another language implements:
// either the XCom of another task or a literal.
type ArgBinding struct {
	Kind        string  `json:"kind"` // "xcom" or "literal"
	Name        string  `json:"name"`
	TaskID      *string `json:"task_id,omitempty"` // xcom only
	Value       Raw     `json:"value,omitzero"`    // literal only
	FromDefault bool    `json:"from_default,omitzero"`
	ValueSchema Raw     `json:"value_schema,omitzero" wire:"map"`
}

// DagRun is a run of a Dag. Airflow refuses keys in it that it does not know,
// so all that came later is left out when empty; the partition key has to be
// left out by hand for releases before 3.2.
type DagRun struct {
	DagID               string                          `json:"dag_id"`
	RunID               string                          `json:"run_id"`
	LogicalDate         *Time                           `json:"logical_date"`
	DataIntervalStart   *Time                           `json:"data_interval_start"`
	DataIntervalEnd     *Time                           `json:"data_interval_end"`
	RunAfter            Time                            `json:"run_after"`
	StartDate           *Time                           `json:"start_date"` // 3.0 and 3.1 refuse null
	EndDate             *Time                           `json:"end_date"`
	ClearNumber         int                             `json:"clear_number,omitzero"`
	RunType             string                          `json:"run_type"` // such as RunManual
	State               string                          `json:"state"`    // such as RunRunning
	Conf                Raw                             `json:"conf,omitzero" wire:"map"`
	TriggeringUserName  *string                         `json:"triggering_user_name,omitempty"`
	ConsumedAssetEvents List[AssetEventDagRunReference] `json:"consumed_asset_events"`
	PartitionKey        NullString                      `json:"partition_key,omitzero"` // 3.0 and 3.1 refuse the key
	PartitionDate       *Time                           `json:"partition_date,omitempty"`
	Note                *string                         `json:"note,omitempty"`
	TeamName            *string                         `json:"team_name,omitempty"`
}

// What a DagRun's RunType can be.
const (
	RunBackfill             = "backfill"
	RunScheduled            = "scheduled"
	RunManual               = "manual"
	RunOperatorTriggered    = "operator_triggered"
	RunAssetTriggered       = "asset_triggered"
	RunAssetMaterialization = "asset_materialization"
)

// What a DagRun's State can be.
const (
	RunQueued  = "queued"
	RunRunning = "running"
	RunSuccess = "success"
	RunFailed  = "failed"
)
