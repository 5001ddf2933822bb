package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
)

func readFile(_ context.Context, _ *attempt, args arguments) (any, error) {
	path, err := args.text("path")
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return nil, err
	}
	return map[string]any{"size": size, "sha256": hex.EncodeToString(sum.Sum(nil))}, nil
}

// writeFile leaves the mode to the umask.
func writeFile(_ context.Context, _ *attempt, args arguments) (any, error) {
	path, err := args.text("path")
	if err != nil {
		return nil, err
	}
	text, err := args.optionalText("text", "")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return map[string]any{"mode": fmt.Sprintf("%04o", info.Mode().Perm())}, nil
}

// openFiles leaves out the descriptor with which it looks.
func openFiles(_ context.Context, _ *attempt, _ arguments) (any, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	files := []any{}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd == int(dir.Fd()) {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + name)
		if err != nil {
			continue // closed since
		}
		files = append(files, map[string]any{"fd": fd, "target": target})
	}
	return files, nil
}
