"""How much one input file may cost: every limit of every reader, here alone.

What has more is refused in one line, before it takes the memory or the time. The limits lie far
above what the releases and their owners' programs write, which stands beside them.
"""

# Images, videos: 8,192 x 8,192; an 8K frame has half of it. Three copies of it are 600 MB.
IMAGE_PIXELS = 1 << 26
IMAGE_BYTES = 256 << 20  # encoded; an uncompressed 8K frame has 100 MB
JPEG_SCANS = 100  # of a progressive one, each of which is decoded; encoders write about 10

# Meshes: BP4D's largest .obj has 10 MB, of triangles.
MESH_BYTES = 32 << 20
MESH_NUMBERS = 1 << 23  # in all coordinates, and in all faces
MESH_CORNERS = 64  # of a face
MESH_WORK = 1 << 27  # pixels times triangles: 500 times what a face takes

# Sound: ReactioNet's clips last 18 seconds; a quarter of an hour of 16-bit stereo has 170 MB.
SOUND_BYTES = 256 << 20  # of a WAV file
SOUND_SECONDS = 1800
SOUND_RATES = (4_000, 384_000)  # samples a second
SOUND_DECODE_SECONDS = 120  # of the program that decodes other files

# MATLAB, read in a process of its own: the largest files take two seconds.
MATLAB_BYTES = 128 << 20  # of a file, and of a variable when it is unpacked
MATLAB_MEMORY = 1 << 30
MATLAB_SECONDS = 60
MATLAB_TEXT = 1 << 24  # characters of names, texts and shapes in an answer

# Text.
DOCUMENT_BYTES = 16 << 20  # read whole: JSON, XML, TOML, lists of points, vocabularies
TABLE_BYTES = 256 << 20  # an OpenFace file: half an hour of 714 columns
TABLE_LINES = 1 << 22
LINE = 1 << 20  # characters of a line, and of a CSV file's row

# The samples that a report draws: the largest test part that an evaluation keeps has 1.4 GB.
SAMPLES_BYTES = 4 << 30

# Archives and workbooks.
ARCHIVE_DIRECTORY_BYTES = 64 << 20  # half a million names
ARCHIVE_MEMBER_BYTES = 256 << 20
ARCHIVE_RATIO = 200  # text and black images pack up to about 100 to 1; bombs 1000 to 1
ARCHIVE_RATIO_FROM = 1 << 20  # bytes; smaller members cannot do harm
WORKBOOK_PART_BYTES = 1 << 20  # styles, names and whatever else is not a sheet
WORKBOOK_TEXTS_BYTES = 32 << 20  # EmotioNet's URLs have 3 MB
WORKBOOK_ROWS = 1 << 20  # of any workbook

# Weights.
SAFETENSORS_HEADER = 16 << 20  # bytes; a model of a thousand layers needs a tenth of it
SAFETENSORS_DIMENSIONS = 32
TOKENIZER_BYTES = 64 << 20  # BERT's have 700 KB, those of a hundred languages 17 MB
