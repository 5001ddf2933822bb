package coordinator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// FooterSize is the number of bytes at the end of a bundle that say where
	// everything else is.
	FooterSize = 64

	// FooterVersion is the only version of these bytes that there is.
	FooterVersion = 1

	magic = "AFBNDL01"
)

// The footer, field by field.
const (
	offSource   = 0
	offMetadata = 4
	offVersion  = 8
	offDigest   = 12
	offReserved = 44
	offMagic    = 56
)

// ErrNoBundle reports a file that does not end in the magic of a bundle. Any
// other file may lie beside bundles, so this is no fault of the file.
var ErrNoBundle = errors.New("not an executable bundle")

// Footer is what the last bytes of a bundle say, checked against its size.
type Footer struct {
	SourceStart   int64 // and size of the binary
	MetadataStart int64
	FooterStart   int64
	Digest        [32]byte // SHA-256 of the binary
}

// ReadFooter reads and checks the footer of a file of the given size. The error
// wraps ErrNoBundle if the file is none.
func ReadFooter(file io.ReaderAt, size int64) (Footer, error) {
	if size < FooterSize {
		return Footer{}, fmt.Errorf("%w: shorter than %d bytes", ErrNoBundle, FooterSize)
	}
	var b [FooterSize]byte
	if _, err := file.ReadAt(b[:], size-FooterSize); err != nil {
		return Footer{}, fmt.Errorf("read bundle footer: %w", err)
	}
	if string(b[offMagic:]) != magic {
		return Footer{}, fmt.Errorf("%w: it does not end in %s", ErrNoBundle, magic)
	}
	if version := binary.LittleEndian.Uint32(b[offVersion:]); version != FooterVersion {
		return Footer{}, fmt.Errorf("bundle footer has version %d, known is %d", version, FooterVersion)
	}
	if !bytes.Equal(b[offReserved:offMagic], make([]byte, offMagic-offReserved)) {
		return Footer{}, errors.New("bundle footer has reserved bytes that are not zero")
	}
	source, metadata := binary.LittleEndian.Uint32(b[offSource:]), binary.LittleEndian.Uint32(b[offMetadata:])
	f := Footer{FooterStart: size - FooterSize}
	f.MetadataStart = f.FooterStart - int64(metadata)
	f.SourceStart = f.MetadataStart - int64(source)
	copy(f.Digest[:], b[offDigest:])
	switch {
	case f.SourceStart < 0:
		return Footer{}, fmt.Errorf("bundle footer announces %d bytes of source and %d of manifest, the file has %d in all", source, metadata, size)
	case f.SourceStart == 0:
		return Footer{}, errors.New("bundle footer leaves no byte for the executable")
	}
	return f, nil
}

func appendFooter(dst []byte, source, metadata int, digest [32]byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(source))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(metadata))
	dst = binary.LittleEndian.AppendUint32(dst, FooterVersion)
	dst = append(dst, digest[:]...)
	dst = append(dst, make([]byte, offMagic-offReserved)...)
	return append(dst, magic...)
}
