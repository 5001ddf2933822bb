package coordinator

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// SpecVersion is the version of the bundle specification that Pack follows.
const SpecVersion = "1.0"

// Pack writes a bundle of the executable, its source, which may be empty, and a
// manifest. A manifest without version gets SpecVersion. Equal input gives equal
// bytes.
func Pack(w io.Writer, executable io.Reader, source []byte, m Manifest) error {
	if m.Version == "" {
		m.Version = SpecVersion
	}
	if _, err := m.schema(); err != nil {
		return fmt.Errorf("pack bundle: %w", err)
	}
	if len(m.Dags) == 0 {
		return errors.New("pack bundle: the manifest names no Dag, so no task would ever be looked for in it")
	}
	metadata, err := yaml.Marshal(m)
	if err != nil {
		return fmt.Errorf("pack bundle: encode manifest: %w", err)
	}
	if len(metadata) > maxManifest {
		return fmt.Errorf("pack bundle: manifest is longer than %d bytes", maxManifest)
	}
	if uint64(len(source)) > math.MaxUint32 {
		return fmt.Errorf("pack bundle: source of %d bytes is longer than the footer can say", len(source))
	}
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, digest), executable)
	if err != nil {
		return fmt.Errorf("pack bundle: copy executable: %w", err)
	}
	if n == 0 {
		return errors.New("pack bundle: the executable is empty")
	}
	tail := append(append([]byte(nil), source...), metadata...)
	tail = appendFooter(tail, len(source), len(metadata), [32]byte(digest.Sum(nil)))
	if _, err := w.Write(tail); err != nil {
		return fmt.Errorf("pack bundle: %w", err)
	}
	return nil
}

// PackFile writes a bundle with permissions 0755 to path. What was there before is
// replaced at once, and only if all went well.
func PackFile(path, executable string, source []byte, m Manifest) (err error) {
	in, err := os.Open(executable)
	if err != nil {
		return fmt.Errorf("pack bundle: %w", err)
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(path), ".pack-")
	if err != nil {
		return fmt.Errorf("pack bundle: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(out.Name())
		}
	}()
	err = errors.Join(Pack(out, in, source, m), out.Chmod(0o755), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	return err
}
