package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// answerAboutAssets serves what concerns assets and the two stores.
func (c caller) answerAboutAssets(ctx context.Context, body message.Body) (message.Body, error) {
	switch m := body.(type) {
	case *message.GetAssetByName:
		return c.asset(ctx, "by-name", "name", m.Name)
	case *message.GetAssetByUri:
		return c.asset(ctx, "by-uri", "uri", m.URI)
	case *message.GetAssetsByAlias:
		list, err := get[message.List[message.AssetResponse]](ctx, c, url.Values{"alias_name": {m.AliasName}}, "assets", "by-alias")
		if err != nil {
			return nil, err
		}
		return &message.AssetsByAliasResult{Assets: *list}, nil
	case *message.GetAssetEventByAsset:
		q := eventQuery(m.After, m.Before, m.Limit, m.Ascending, m.PartitionKey, m.PartitionKeyRegexpPattern, m.Extra)
		setString(q, "name", m.Name)
		setString(q, "uri", m.URI)
		return asMessage(get[message.AssetEventsResult](ctx, c, q, "asset-events", "by-asset"))
	case *message.GetAssetEventByAssetAlias:
		q := eventQuery(m.After, m.Before, m.Limit, m.Ascending, m.PartitionKey, m.PartitionKeyRegexpPattern, m.Extra)
		q.Set("name", m.AliasName)
		return asMessage(get[message.AssetEventsResult](ctx, c, q, "asset-events", "by-asset-alias"))

	case *message.GetTaskStateStore:
		result, err := get[message.TaskStateStoreResult](ctx, c, nil, "store", "ti", m.TIID, m.Key)
		if err != nil {
			return absent(err, message.TaskStoreNotFound, map[string]any{"key": m.Key})
		}
		return result, nil
	case *message.SetTaskStateStore:
		value := struct {
			Value     message.Raw   `json:"value"`
			ExpiresAt *message.Time `json:"expires_at"`
		}{m.Value, m.ExpiresAt}
		return c.done(ctx, http.MethodPut, nil, value, "store", "ti", m.TIID, m.Key)
	case *message.DeleteTaskStateStore:
		return c.done(ctx, http.MethodDelete, nil, nil, "store", "ti", m.TIID, m.Key)
	case *message.ClearTaskStateStore:
		return c.done(ctx, http.MethodDelete, nil, nil, "store", "ti", m.TIID)

	case *message.GetAssetStateStoreByName:
		return c.assetStore(ctx, "by-name", url.Values{"name": {m.Name}, "key": {m.Key}}, m.Key)
	case *message.GetAssetStateStoreByUri:
		return c.assetStore(ctx, "by-uri", url.Values{"uri": {m.URI}, "key": {m.Key}}, m.Key)
	case *message.SetAssetStateStoreByName:
		q := url.Values{"name": {m.Name}, "key": {m.Key}}
		return c.done(ctx, http.MethodPut, q, map[string]any{"value": m.Value}, "store", "asset", "by-name", "value")
	case *message.SetAssetStateStoreByUri:
		q := url.Values{"uri": {m.URI}, "key": {m.Key}}
		return c.done(ctx, http.MethodPut, q, map[string]any{"value": m.Value}, "store", "asset", "by-uri", "value")
	case *message.DeleteAssetStateStoreByName:
		q := url.Values{"name": {m.Name}, "key": {m.Key}}
		return c.done(ctx, http.MethodDelete, q, nil, "store", "asset", "by-name", "value")
	case *message.DeleteAssetStateStoreByUri:
		q := url.Values{"uri": {m.URI}, "key": {m.Key}}
		return c.done(ctx, http.MethodDelete, q, nil, "store", "asset", "by-uri", "value")
	case *message.ClearAssetStateStoreByName:
		return c.done(ctx, http.MethodDelete, url.Values{"name": {m.Name}}, nil, "store", "asset", "by-name", "clear")
	case *message.ClearAssetStateStoreByUri:
		return c.done(ctx, http.MethodDelete, url.Values{"uri": {m.URI}}, nil, "store", "asset", "by-uri", "clear")
	}
	return nil, &NotHandledError{body.MessageType()}
}

func (c caller) asset(ctx context.Context, endpoint, key, value string) (message.Body, error) {
	result, err := get[message.AssetResult](ctx, c, url.Values{key: {value}}, "assets", endpoint)
	if err != nil {
		return absent(err, message.AssetNotFound, map[string]any{key: value})
	}
	return result, nil
}

func (c caller) assetStore(ctx context.Context, endpoint string, q url.Values, key string) (message.Body, error) {
	result, err := get[message.AssetStateStoreResult](ctx, c, q, "store", "asset", endpoint, "value")
	if err != nil {
		return absent(err, message.AssetStoreNotFound, map[string]any{"key": key})
	}
	return result, nil
}

func eventQuery(after, before *message.Time, limit *int, ascending *bool, key, pattern *string, extra map[string]string) url.Values {
	q := url.Values{"ascending": {strconv.FormatBool(message.Or(ascending, true))}}
	setTime(q, "after", after)
	setTime(q, "before", before)
	if limit != nil {
		q.Set("limit", strconv.Itoa(*limit))
	}
	setString(q, "partition_key", key)
	setString(q, "partition_key_regexp_pattern", pattern)
	for name, value := range extra {
		q.Add("extra", name+"="+value)
	}
	return q
}
