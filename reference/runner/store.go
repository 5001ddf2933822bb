package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Variable returns the value of a variable. Where there is none the error is a
// *message.RemoteError that says VARIABLE_NOT_FOUND, see NotFound.
func (t *Task) Variable(ctx context.Context, key string) (string, error) {
	answer, err := ask[*message.VariableResult](ctx, t, &message.GetVariable{Key: key})
	if err != nil {
		return "", err
	}
	return message.Or(answer.Value, ""), nil
}

// PutVariable sets a variable. An empty description leaves it without one.
func (t *Task) PutVariable(ctx context.Context, key, value, description string) error {
	request := &message.PutVariable{Key: key, Value: &value}
	if description != "" {
		request.Description = &description
	}
	_, err := t.Ask(ctx, request)
	return err
}

// DeleteVariable removes a variable.
func (t *Task) DeleteVariable(ctx context.Context, key string) error {
	_, err := t.Ask(ctx, &message.DeleteVariable{Key: key})
	return err
}

// keysAtOnce is how many keys VariableKeys asks for at a time.
const keysAtOnce = 1000

// VariableKeys returns the keys that begin with prefix, at most limit of them;
// 0 stands for all that there are.
func (t *Task) VariableKeys(ctx context.Context, prefix string, limit int) ([]string, error) {
	var keys []string
	for {
		size := keysAtOnce
		if limit > 0 {
			size = min(size, limit-len(keys))
		}
		request := &message.GetVariableKeys{Limit: &size, Offset: len(keys)}
		if prefix != "" {
			request.Prefix = &prefix
		}
		answer, err := ask[*message.VariableKeysResult](ctx, t, request)
		if err != nil {
			return nil, err
		}
		keys = append(keys, answer.Keys[:min(size, len(answer.Keys))]...)
		if len(answer.Keys) == 0 || len(keys) >= answer.TotalEntries || len(keys) == limit {
			return keys, nil
		}
	}
}

// Connection says how to reach something. What is not set is empty or 0.
type Connection struct {
	ID, Type        string
	Host, Schema    string
	Login, Password string
	Port            int
	Extra           string // a JSON object, as text
}

// Connection returns a connection. The supervisor hides its password and its
// extra in the task log from then on. Where there is none the error is a
// *message.RemoteError that says CONNECTION_NOT_FOUND, see NotFound.
func (t *Task) Connection(ctx context.Context, id string) (Connection, error) {
	c, err := ask[*message.ConnectionResult](ctx, t, &message.GetConnection{ConnID: id})
	if err != nil {
		return Connection{}, err
	}
	return Connection{
		ID: c.ConnID, Type: c.ConnType, Host: message.Or(c.Host, ""), Schema: message.Or(c.Schema, ""),
		Login: message.Or(c.Login, ""), Password: message.Or(c.Password, ""), Port: message.Or(c.Port, 0), Extra: message.Or(c.Extra, ""),
	}, nil
}

// URI writes a connection as Airflow does: type://login:password@host:port/schema.
// Extra becomes the query, key by key where all its values are strings, else
// whole under the key __extra__. The password is in it.
func (c Connection) URI() string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(strings.ToLower(c.Type), "_", "-"))
	b.WriteString("://")
	host := c.Host
	if protocol, rest, ok := strings.Cut(host, "://"); ok && protocol != c.Type {
		b.WriteString(protocol + "://")
		host = rest
	}
	b.WriteString(escape(c.Login))
	if c.Password != "" {
		b.WriteString(":" + escape(c.Password))
	}
	authority := c.Login != "" || c.Password != ""
	if authority || host == "" && c.Port != 0 {
		b.WriteString("@")
	}
	b.WriteString(escape(host))
	if c.Port != 0 {
		b.WriteString(":" + strconv.Itoa(c.Port))
	}
	if c.Schema != "" || c.Extra != "" {
		b.WriteString("/" + escape(c.Schema))
	}
	if c.Extra != "" {
		b.WriteString("?" + query(c.Extra))
	}
	return b.String()
}

// query writes the extra of a connection.
func query(extra string) string {
	values := url.Values{}
	var pairs map[string]string
	if err := json.Unmarshal([]byte(extra), &pairs); err != nil || len(pairs) == 0 {
		pairs = map[string]string{"__extra__": extra}
	}
	for key, value := range pairs {
		values.Set(key, value)
	}
	return values.Encode()
}

// escape leaves letters, digits and -._~ as they are.
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// String leaves the password and the extra out, so that a connection can be
// logged.
func (c Connection) String() string {
	return fmt.Sprintf("connection %q (%s, host %q, port %d)", c.ID, c.Type, c.Host, c.Port)
}
