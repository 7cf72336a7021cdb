"""Subject folds of BP4D+: no list of the AU papers is public (docs/datasets.md section 2)."""

from tfds_reactionet.reading import FoldChoice, Protocol, listed, part_of, round_robin

COUNT = 3
SUBJECTS = tuple([f"F{n:03d}" for n in range(1, 83)] + [f"M{n:03d}" for n in range(1, 59)])
# Test subjects of BigSmall's splits 1 to 3 (Narayanswamy et al., WACV 2024), published under the
# MIT licence, copyright 2023 Girish Narayanswamy: girishvn/BigSmall,
# code/dataset_builder_utils/bp4d_bigsmall/bp4d_subject_datasplit. F082 is in none of them.
BIGSMALL = listed(
    (
        """F003 F004 F005 F006 F009 F017 F022 F028 F029 F031 F032 F033 F038 F044 F047 F048 F052 F053
        F055 F061 F063 F067 F068 F074 F075 F076 F081 M003 M005 M006 M009 M012 M019 M025 M026 M028
        M031 M036 M037 M040 M046 M047 M049 M051 M054 M056""",
        """F001 F002 F008 F018 F021 F025 F026 F035 F036 F037 F039 F040 F041 F042 F046 F049 F057 F058
        F060 F062 F064 F066 F070 F071 F072 F073 F077 M001 M002 M007 M013 M014 M016 M022 M023 M024
        M027 M029 M030 M034 M035 M041 M042 M043 M048 M055""",
        """F007 F010 F011 F012 F013 F014 F015 F016 F019 F020 F023 F024 F027 F030 F034 F043 F045 F050
        F051 F054 F056 F059 F065 F069 F078 F079 F080 M004 M008 M010 M011 M015 M017 M018 M020 M021
        M032 M033 M038 M039 M044 M045 M050 M052 M053 M057 M058""",
    )
)
LISTS = {"subjects": round_robin(SUBJECTS, COUNT), "bigsmall_3fold": BIGSMALL}
UNLISTED = ("F082",)  # BigSmall leaves her out
FOLDS = FoldChoice(
    dict.fromkeys(LISTS, Protocol.folds(COUNT)),
    lambda option, subject: part_of(LISTS[option], subject, f"folds={option}"),
)
