package probe

import "context"

// maxPayload is the longest string, in bytes, that payload pushes.
const maxPayload = 1 << 30

// pattern returns n bytes of which byte i is 'a' + i%26.
func pattern(n int) []byte {
	text := make([]byte, n)
	for i := range min(n, 26) {
		text[i] = 'a' + byte(i)
	}
	for filled := 26; filled < n; filled *= 2 {
		copy(text[filled:], text[:filled])
	}
	return text
}

func payload(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	size, err := args.count("bytes", 0, maxPayload)
	if err != nil {
		return nil, err
	}
	return nil, a.Push(ctx, key, string(pattern(size)))
}

func checkPayload(ctx context.Context, a *attempt, args arguments) (any, error) {
	size, err := args.count("bytes", 0, maxPayload)
	if err != nil {
		return nil, err
	}
	raw, err := a.xcom(ctx, args)
	if err != nil {
		return nil, err
	}
	value, err := raw.Value()
	if err != nil {
		return nil, err
	}
	text, ok := value.(string)
	return map[string]any{"equal": ok && text == string(pattern(size)), "length": len(text)}, nil
}
