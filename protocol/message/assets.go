package message

// The state stores of tasks and assets, and what is asked and told of assets.

// GetTaskStateStore asks for TaskStateStoreResult.
type GetTaskStateStore struct {
	TIID string `json:"ti_id"` // UUID
	Key  string `json:"key"`
}

// SetTaskStateStore asks for OKResponse.
type SetTaskStateStore struct {
	TIID      string `json:"ti_id"` // UUID
	Key       string `json:"key"`
	Value     Raw    `json:"value"`
	ExpiresAt *Time  `json:"expires_at"`
}

// DeleteTaskStateStore asks for OKResponse.
type DeleteTaskStateStore struct {
	TIID string `json:"ti_id"` // UUID
	Key  string `json:"key"`
}

// ClearTaskStateStore asks for OKResponse.
type ClearTaskStateStore struct {
	TIID string `json:"ti_id"` // UUID
}

// GetAssetStateStoreByName asks for AssetStateStoreResult.
type GetAssetStateStoreByName struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// GetAssetStateStoreByUri asks for AssetStateStoreResult.
type GetAssetStateStoreByUri struct {
	URI string `json:"uri"`
	Key string `json:"key"`
}

// SetAssetStateStoreByName asks for OKResponse.
type SetAssetStateStoreByName struct {
	Name  string `json:"name"`
	Key   string `json:"key"`
	Value Raw    `json:"value"`
}

// SetAssetStateStoreByUri asks for OKResponse.
type SetAssetStateStoreByUri struct {
	URI   string `json:"uri"`
	Key   string `json:"key"`
	Value Raw    `json:"value"`
}

// DeleteAssetStateStoreByName asks for OKResponse.
type DeleteAssetStateStoreByName struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// DeleteAssetStateStoreByUri asks for OKResponse.
type DeleteAssetStateStoreByUri struct {
	URI string `json:"uri"`
	Key string `json:"key"`
}

// ClearAssetStateStoreByName asks for OKResponse.
type ClearAssetStateStoreByName struct {
	Name string `json:"name"`
}

// ClearAssetStateStoreByUri asks for OKResponse.
type ClearAssetStateStoreByUri struct {
	URI string `json:"uri"`
}

// GetAssetByName asks for AssetResult.
type GetAssetByName struct {
	Name string `json:"name"`
}

// GetAssetByUri asks for AssetResult.
type GetAssetByUri struct {
	URI string `json:"uri"`
}

// GetAssetsByAlias asks for AssetsByAliasResult.
type GetAssetsByAlias struct {
	AliasName string `json:"alias_name"`
}

// GetAssetEventByAsset asks for AssetEventsResult.
type GetAssetEventByAsset struct {
	Name                      *string           `json:"name"`
	URI                       *string           `json:"uri"`
	After                     *Time             `json:"after,omitempty"`
	Before                    *Time             `json:"before,omitempty"`
	Limit                     *int              `json:"limit,omitempty"`
	Ascending                 *bool             `json:"ascending,omitempty"` // absent: true
	PartitionKey              *string           `json:"partition_key,omitempty" since:"3.4"`
	PartitionKeyRegexpPattern *string           `json:"partition_key_regexp_pattern,omitempty" since:"3.4"`
	Extra                     map[string]string `json:"extra,omitzero" since:"3.4"`
}

// GetAssetEventByAssetAlias asks for AssetEventsResult.
type GetAssetEventByAssetAlias struct {
	AliasName                 string            `json:"alias_name"`
	After                     *Time             `json:"after,omitempty"`
	Before                    *Time             `json:"before,omitempty"`
	Limit                     *int              `json:"limit,omitempty"`
	Ascending                 *bool             `json:"ascending,omitempty"` // absent: true
	PartitionKey              *string           `json:"partition_key,omitempty" since:"3.4"`
	PartitionKeyRegexpPattern *string           `json:"partition_key_regexp_pattern,omitempty" since:"3.4"`
	Extra                     map[string]string `json:"extra,omitzero" since:"3.4"`
}

// ValidateInletsAndOutlets asks for InactiveAssetsResult.
type ValidateInletsAndOutlets struct {
	TIID string `json:"ti_id"` // UUID
}

// AssetProfile names an asset, a reference to one, or an alias.
type AssetProfile struct {
	Name *string `json:"name,omitempty"`
	URI  *string `json:"uri,omitempty"`
	Type string  `json:"type"` // Asset, AssetNameRef, AssetUriRef or AssetAlias
}

// AssetResponse is an asset.
type AssetResponse struct {
	Name  string `json:"name"`
	URI   string `json:"uri"`
	Group string `json:"group"`
	Extra Raw    `json:"extra,omitzero" wire:"map"`
}

// AssetResult answers GetAssetByName and GetAssetByUri.
type AssetResult AssetResponse

// AssetsByAliasResult answers GetAssetsByAlias.
type AssetsByAliasResult struct {
	Assets List[AssetResponse] `json:"assets"`
}

// AssetEventsResult answers GetAssetEventByAsset and GetAssetEventByAssetAlias.
type AssetEventsResult struct {
	AssetEvents List[AssetEventResponse] `json:"asset_events"`
}

// AssetEventResponse is an event of an asset.
type AssetEventResponse struct {
	ID             int64                      `json:"id"`
	Timestamp      Time                       `json:"timestamp"`
	Extra          Raw                        `json:"extra,omitzero" wire:"map"`
	Asset          AssetResponse              `json:"asset"`
	CreatedDagruns List[DagRunAssetReference] `json:"created_dagruns"`
	SourceTaskID   *string                    `json:"source_task_id,omitempty"`
	SourceDagID    *string                    `json:"source_dag_id,omitempty"`
	SourceRunID    *string                    `json:"source_run_id,omitempty"`
	SourceMapIndex *int                       `json:"source_map_index,omitempty"`
	PartitionKey   *string                    `json:"partition_key,omitempty"`
}

// DagRunAssetReference is a run that an asset event started.
type DagRunAssetReference struct {
	RunID             string  `json:"run_id"`
	DagID             string  `json:"dag_id"`
	LogicalDate       *Time   `json:"logical_date"`
	StartDate         *Time   `json:"start_date"` // 3.3 refuses null
	EndDate           *Time   `json:"end_date"`
	State             string  `json:"state"`
	DataIntervalStart *Time   `json:"data_interval_start"`
	DataIntervalEnd   *Time   `json:"data_interval_end"`
	PartitionKey      *string `json:"partition_key"`
}

// AssetEventDagRunReference is an asset event that a run consumed.
type AssetEventDagRunReference struct {
	Asset          AssetReferenceAssetEventDagRun            `json:"asset"`
	Extra          Raw                                       `json:"extra" wire:"map"`
	SourceTaskID   *string                                   `json:"source_task_id"`
	SourceDagID    *string                                   `json:"source_dag_id"`
	SourceRunID    *string                                   `json:"source_run_id"`
	SourceMapIndex *int                                      `json:"source_map_index"`
	SourceAliases  List[AssetAliasReferenceAssetEventDagRun] `json:"source_aliases"`
	Timestamp      Time                                      `json:"timestamp"`
	PartitionKey   *string                                   `json:"partition_key,omitempty"`
}

// AssetReferenceAssetEventDagRun is the asset of a consumed event.
type AssetReferenceAssetEventDagRun struct {
	Name  string `json:"name"`
	URI   string `json:"uri"`
	Extra Raw    `json:"extra" wire:"map"`
}

// AssetAliasReferenceAssetEventDagRun is an alias of a consumed event.
type AssetAliasReferenceAssetEventDagRun struct {
	Name string `json:"name"`
}

// AssetStateStoreResult answers GetAssetStateStoreByName and ByUri.
type AssetStateStoreResult struct {
	Value Raw `json:"value"`
}

// TaskStateStoreResult answers GetTaskStateStore.
type TaskStateStoreResult struct {
	Value Raw `json:"value"`
}

// InactiveAssetsResult answers ValidateInletsAndOutlets.
type InactiveAssetsResult struct {
	InactiveAssets []AssetProfile `json:"inactive_assets,omitzero"`
}
