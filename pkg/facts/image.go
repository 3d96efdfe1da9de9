package facts

import "strings"

// SplitImage cuts an image reference into repository and tag, which is empty when it has none; a digest is
// dropped: "registry.example:5000/mesh/proxy" and "v1.2" for "registry.example:5000/mesh/proxy:v1.2@sha256:…".
func SplitImage(image string) (repository, tag string) {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:]
	}
	return image, ""
}

// ImageTag is the tag of an image reference; empty when it has none.
func ImageTag(image string) string {
	_, tag := SplitImage(image)
	return tag
}

// ImageName is the last element of an image's repository: "proxy" for "registry.example/mesh/proxy:v1.2".
func ImageName(image string) string {
	repository, _ := SplitImage(image)
	return repository[strings.LastIndexByte(repository, '/')+1:]
}
