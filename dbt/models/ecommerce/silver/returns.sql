{{ deduplicated('returns') }}
