package coordinator

import (
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Schema carries messages between a supervisor of today and a runtime that was
// built against an older schema. The zero value changes nothing: it is for
// runtimes that name no version and so have the shape of today.
type Schema struct{ version string }

// Version returns the version, "" if the runtime named none.
func (s Schema) Version() string { return s.version }

// ToRuntime returns the body as the runtime knows it: without what came later.
// The body itself is left as it is. No body (nil) stays none.
func (s Schema) ToRuntime(body message.Body) (message.Body, error) { return s.migrate(body) }

// FromRuntime returns a request of the runtime as the supervisor knows it. Fields
// that the runtime's schema does not have are no part of its request, whatever it
// put there; those that are missing have their defaults.
func (s Schema) FromRuntime(body message.Body) (message.Body, error) { return s.migrate(body) }

func (s Schema) migrate(body message.Body) (message.Body, error) {
	if s.version == "" || body == nil {
		return body, nil
	}
	migrated, err := message.AtSchema(body, s.version)
	if err != nil {
		return nil, fmt.Errorf("migrate %s: %w", body.MessageType(), err)
	}
	return migrated, nil
}
