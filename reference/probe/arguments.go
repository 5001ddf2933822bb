package probe

import (
	"fmt"
	"math"
	"time"
)

// arguments are the keys of one verb.
type arguments map[string]any

func (a arguments) text(key string) (string, error) {
	if a[key] == nil {
		return "", fmt.Errorf("argument %q is missing", key)
	}
	return a.optionalText(key, "")
}

func (a arguments) optionalText(key, absent string) (string, error) {
	switch value := a[key].(type) {
	case nil:
		return absent, nil
	case string:
		return value, nil
	default:
		return "", fmt.Errorf("argument %q: expected a string, got %T", key, value)
	}
}

func (a arguments) flag(key string) (bool, error) {
	switch value := a[key].(type) {
	case nil:
		return false, nil
	case bool:
		return value, nil
	default:
		return false, fmt.Errorf("argument %q: expected true or false, got %T", key, value)
	}
}

// count reads a whole number from 0 to most.
func (a arguments) count(key string, absent, most int64) (int, error) {
	switch value := a[key].(type) {
	case nil:
		return int(absent), nil
	case int64:
		if value >= 0 && value <= most {
			return int(value), nil
		}
		return 0, fmt.Errorf("argument %q: %d is not from 0 to %d", key, value, most)
	default:
		return 0, fmt.Errorf("argument %q: expected a whole number, got %T", key, value)
	}
}

func (a arguments) seconds(key string) (time.Duration, error) {
	var seconds float64
	switch value := a[key].(type) {
	case int64:
		seconds = float64(value)
	case float64:
		seconds = value
	default:
		return 0, fmt.Errorf("argument %q: expected a number of seconds, got %T", key, value)
	}
	if !(seconds >= 0 && seconds <= math.MaxInt32) {
		return 0, fmt.Errorf("argument %q: %v seconds", key, seconds)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func (a arguments) words(key string) ([]string, error) {
	list, ok := a[key].([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("argument %q: expected a list of strings that is not empty", key)
	}
	words := make([]string, len(list))
	for i, entry := range list {
		if words[i], ok = entry.(string); !ok {
			return nil, fmt.Errorf("argument %q: element %d is %T, not a string", key, i, entry)
		}
	}
	return words, nil
}
