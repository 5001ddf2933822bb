package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ReadIndex reads a case index, a JSON list of cases. Unknown keys are errors.
func ReadIndex(text []byte) ([]Case, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var cases []Case
	if err := decoder.Decode(&cases); err != nil {
		return nil, fmt.Errorf("read case index: %w", err)
	}
	return cases, nil
}
